/*
 * imconnectorctl setup.
 *
 * Called by the table of commands.  Owns nothing beyond a portal.  It does
 * what the handler does after an installation, and tells the store how it
 * ended, so that the handler leaves off trying.
 */
#include "ctl/portal_act.h"

#include "codec/json_write.h"
#include "ctl/clean.h"
#include "ctl/portal_call.h"
#include "portal/setups.h"

#include <stddef.h>
#include <stdio.h>
#include <sysexits.h>

#define ARENA_MAX ((size_t)16 * 1024)
#define LINE_MAX ((size_t)16 * 1024)

struct setting {
	struct setting_up s;	/* first */
	bool over;
};

static void
on_done(struct setting_up *s)
{
	((struct setting *)s)->over = true;
}

static const char *const names[] = {
	[SETTING_DONE] = "done", [SETTING_WAITS] = "waits",
	[SETTING_REFUSED] = "refused", [SETTING_AGAIN] = "failed",
};

static void
print_text(const struct setting_up *s)
{
	clean_text(s->member_id);
	if (s->end == SETTING_DONE) {
		(void)fputs(s->dry ? ": nothing was changed\n" : ": set up, "
		    "events come to ", stdout);
		if (!s->dry) {
			clean_text(s->own_url);
			(void)putchar('\n');
		}
		return;
	}
	printf(": %s: ", names[s->end]);
	clean_text(s->reason);
	(void)putchar('\n');
}

static enum err
print_json(const struct setting_up *s, bool first)
{
	struct buf b;
	enum err e;

	buf_init(&b, LINE_MAX);
	e = buf_addc(&b, '{');
	if (e == ERR_OK)
		e = json_add_text(&b, "member_id", s->member_id);
	if (e == ERR_OK)
		e = json_add_text(&b, "result", names[s->end]);
	if (e == ERR_OK)
		e = json_add_text(&b, "handler_url", s->own_url);
	if (e == ERR_OK)
		e = json_add_text(&b, "reason", s->reason[0] != '\0' ?
		    s->reason : NULL);
	if (e == ERR_OK)
		e = buf_addc(&b, '}');
	if (e == ERR_OK && buf_str(&b) == NULL)
		e = ERR_NOMEM;
	if (e == ERR_OK) {
		(void)fputs(first ? "" : ",\n", stdout);
		clean_json(b.p);
	}
	buf_free(&b);
	return e;
}

/* Reads where its installation arrived; unless nothing is to be done, it is
 * ours from now on. */
static enum err
begin(struct ctl *ctl, const char *member_id, struct arena *a,
    struct setup_row *row, struct problem *p)
{
	struct setup_wish wish = { .member_id = member_id, .claim = true,
	    .arena = a };
	struct setup_reading read = { .member_id = member_id, .arena = a };
	enum err e;

	if (ctl->a.given[ARG_DRY_RUN] != NULL) {
		store_setup_read(&read);
		e = store_now(ctl->s.store, &read.db, p);
		*row = read.found ? read.row : (struct setup_row){ .url =
		    NULL };
		return e;
	}
	store_setup_wish(&wish);
	e = store_now(ctl->s.store, &wish.db, p);
	*row = wish.found ? wish.row : (struct setup_row){ .url = NULL };
	return e;
}

static int
code_of(enum setting_end end)
{
	if (end == SETTING_DONE)
		return EX_OK;
	return end == SETTING_REFUSED ? EX_UNAVAILABLE : EX_TEMPFAIL;
}

static enum err
set_up(struct ctl *ctl, struct setting *t, const struct setup_row *row,
    struct problem *p)
{
	bool dry = ctl->a.given[ARG_DRY_RUN] != NULL;
	struct setup_ending ending = { .member_id = t->s.member_id,
	    .asked = row->asked };

	t->s.done = on_done;
	t->s.rooms = relay_rooms(ctl->s.relay);
	t->s.url = row->url;
	t->s.dry = dry;
	t->s.seen = dry ? call_seen : call_shown(ctl);
	setting_up_start(&t->s);
	call_wait(ctl, &t->over);
	setting_up_free(&t->s);
	if (ctl->code == EX_OK || t->s.end == SETTING_REFUSED)
		ctl->code = code_of(t->s.end);
	if (dry)
		return ERR_OK;
	setups_ending(&ending, &t->s, row->tries);
	return store_now(ctl->s.store, &ending.db, p);
}

static enum err
one_portal(struct ctl *ctl, const char *member_id, bool first,
    struct problem *p)
{
	struct setting t = { .s.member_id = member_id };
	struct setup_row row = { .url = NULL };
	struct arena a;
	enum err e;

	arena_init(&a, ARENA_MAX);
	e = begin(ctl, member_id, &a, &row, p);
	if (e == ERR_OK)
		e = set_up(ctl, &t, &row, p);
	if (e == ERR_OK && ctl->a.given[ARG_JSON] != NULL)
		e = print_json(&t.s, first);
	else if (e == ERR_OK)
		print_text(&t.s);
	arena_free(&a);
	return e;
}

enum err
setup_command(struct ctl *ctl, struct problem *p)
{
	bool json = ctl->a.given[ARG_JSON] != NULL;
	struct portal_list l;
	enum err e = portal_list(ctl, &l, p);

	if (e == ERR_OK && json)
		(void)putchar('[');
	for (size_t i = 0; e == ERR_OK && i < l.n; i++)
		e = one_portal(ctl, l.member_id[i], i == 0, p);
	if (e == ERR_OK && json)
		(void)fputs("]\n", stdout);
	portal_list_free(&l);
	return e;
}
