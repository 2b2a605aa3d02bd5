/*
 * The settings of a connector on an open line, shown in Bitrix24's frame.
 *
 * Called by web/page.c.  Owns nothing.
 */
#include "web/page_inside.h"

#include "store/setups.h"
#include "store/standing.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

static bool
wants(const struct settings *s, const char *act)
{
	return strcmp(s->act, act) == 0;
}

/* What became of what was wanted. */
static void
add_result(struct html *h, const char *const *w, const struct settings *s)
{
	if (s->late)
		page_note(h, TONE_WAIT, w[W_LATE], NULL);
	else if (s->failed != NULL)
		page_note(h, TONE_BAD, wants(s, "on") || wants(s, "off") ?
		    w[W_NOT_DONE] : w[W_UNKNOWN_MORE], s->failed);
	else if (wants(s, "on"))
		page_note(h, s->works ? TONE_GOOD : TONE_BAD, w[s->works ?
		    W_IS_ON : W_NOT_DONE], s->works ? NULL :
		    "imconnector.status: STATUS is false");
	else if (wants(s, "off"))
		page_note(h, s->works ? TONE_BAD : TONE_GOOD, w[s->works ?
		    W_NOT_DONE : W_IS_OFF], s->works ?
		    "imconnector.status: STATUS is true" : NULL);
}

static const struct state {
	const char *begin;
	enum word is, more;
} unknown = { "<p class=\"badge wait\">", W_UNKNOWN, W__MAX },
    faulty = { "<p class=\"badge bad\">", W_FAULTY, W_FAULTY_MORE },
    on = { "<p class=\"badge good\">", W_ON, W_ON_MORE },
    off = { "<p class=\"badge off\">", W_OFF, W_OFF_MORE };

static void
add_state(struct html *h, const char *const *w, const struct settings *s)
{
	const struct state *is = !s->known ? &unknown : s->error ? &faulty :
	    s->works ? &on : &off;

	html_put(h, is->begin, w[is->is], "</p>\n");
	if (is->more != W__MAX)
		html_put(h, "<p>", w[is->more], "</p>\n");
}

static void
add_button(struct html *h, const char *act, bool main, const char *text)
{
	html_raw(h, main ? "<button class=\"main\"" : "<button");
	html_put(h, " name=\"imconnector_act\" value=\"", act, "\">");
	html_put(h, "", text, "</button>\n");
}

/* It has no action: its URL is the one that Bitrix24 opened, with LANG. */
static void
add_form(struct html *h, const char *const *w, const struct settings *s)
{
	html_raw(h, "<form method=\"post\">\n<input type=\"hidden\" "
	    "name=\"PLACEMENT\" value=\"SETTING_CONNECTOR\">\n");
	html_put(h, "<input type=\"hidden\" name=\"member_id\" value=\"",
	    s->member_id, "\">\n");
	html_put(h, "<input type=\"hidden\" name=\"imconnector_form\" "
	    "value=\"", s->form, "\">\n");
	if (!s->late && (!s->known || s->error || !s->works))
		add_button(h, "on", true, w[W_TURN_ON]);
	if (!s->late && (!s->known || s->error || s->works))
		add_button(h, "off", false, w[W_TURN_OFF]);
	add_button(h, "look", s->late, w[W_LOOK]);
	html_raw(h, "</form>\n");
}

static void
add_count(struct html *h, const char *const *w, enum word what, int64_t n,
    bool more)
{
	html_put(h, "<dt>", w[what], "</dt><dd>");
	html_number(h, n);
	if (more)
		html_put(h, " ", w[W_OR_MORE], "");
	html_raw(h, "</dd>\n");
}

static void
add_setup(struct html *h, const char *const *w, const struct setup_row *r)
{
	static const enum word states[] = {
		[SETUP_WANTED] = W_SETUP_WANTED,
		[SETUP_WAITS] = W_SETUP_WAITS,
		[SETUP_DONE] = W_SETUP_DONE,
	};

	if (r == NULL)
		return;
	html_put(h, "<dt>", w[W_SETUP], "</dt><dd>");
	html_text(h, w[states[r->state]]);
	if (r->state == SETUP_WANTED && r->reason[0] != '\0')
		html_put(h, ": <span lang=\"en\">", r->reason, "</span>");
	html_raw(h, "</dd>\n");
}

/* In UTC, as the browser's zone is not known here. */
static void
add_time(struct html *h, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	if (ms <= 0 || gmtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm) == 0)
		return;
	html_put(h, " <span class=\"soft\">(", text, ")</span>");
}

static void
add_facts(struct html *h, const char *const *w, const struct settings *s)
{
	const struct standing *is = s->standing;

	html_put(h, "<dl>\n<dt>", w[W_CONNECTOR], "</dt><dd>");
	html_put(h, "", s->connector, "</dd>\n");
	add_setup(h, w, s->setup);
	add_count(h, w, W_WAITING, is->waiting, is->more_waiting);
	add_count(h, w, W_REFUSED, is->refused, is->more_refused);
	html_put(h, "<dt>", w[W_ERROR], "</dt><dd>");
	if (is->error[0] != '\0')
		html_put(h, "<span lang=\"en\">", is->error, "</span>");
	else
		html_text(h, w[W_NONE]);
	add_time(h, is->error_ms);
	html_raw(h, "</dd>\n</dl>\n");
}

void
page_settings(struct html *h, const char *const *w, const struct settings *s)
{
	html_put(h, "<h1>", s->name, "</h1>\n");
	html_put(h, "<p class=\"soft\">", w[W_LINE], " ");
	html_number(h, s->line);
	html_raw(h, "</p>\n");
	add_result(h, w, s);
	html_raw(h, "<section class=\"card\">\n");
	add_state(h, w, s);
	if (s->form != NULL)
		add_form(h, w, s);
	html_raw(h, "</section>\n");
	add_facts(h, w, s);
}
