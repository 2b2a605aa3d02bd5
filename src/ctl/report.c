/*
 * Portals and figures, on a terminal or as JSON.
 *
 * Called by imconnectorctl.  Owns nothing.
 */
#include "ctl/report.h"

#include "base/buf.h"
#include "codec/json_write.h"
#include "ctl/clean.h"
#include "ctl/when.h"
#include "store/admin.h"
#include "store/setups.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define OBJECT_MAX ((size_t)64 * 1024)

#define AT(field) offsetof(struct stats, field)
static const struct {
	const char *name;
	size_t at;
} figures[] = {
	{ "received", AT(state[STATE_RECEIVED]) },
	{ "delivered", AT(state[STATE_DELIVERED]) },
	{ "acknowledged", AT(state[STATE_ACKNOWLEDGED]) },
	{ "refused", AT(state[STATE_REFUSED]) },
	{ "held", AT(held) },
	{ "parked", AT(parked) },
	{ "uncovered", AT(uncovered) },
	{ "portals", AT(portals) },
	{ "refresh_rejected", AT(rejected) },
	{ "installs_waiting", AT(installs) },
	{ "destinations_down", AT(down) },
	{ "lines_off", AT(lines_off) },
};
#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static int64_t
figure(const struct stats *st, size_t i)
{
	return *(const int64_t *)((const char *)st + figures[i].at);
}

struct print {
	struct store *store;
	bool json;
	size_t n;
	enum err err;
};

static const char *const setup_names[] = {
	[SETUP_WANTED] = "wanted", [SETUP_WAITS] = "waits",
	[SETUP_DONE] = "done",
};

/* Only of portals that were installed since there is one. */
static enum err
add_setup(struct buf *b, const struct setup_reading *r)
{
	enum err e = json_add_text(b, "setup", r->found ?
	    setup_names[r->row.state] : NULL);

	return e == ERR_OK && r->found && r->row.reason[0] != '\0' ?
	    json_add_text(b, "setup_reason", r->row.reason) : e;
}

static enum err
portal_json(struct buf *b, const struct portal *p,
    const struct setup_reading *r)
{
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = json_add_text(b, "member_id", p->member_id);
	if (e == ERR_OK)
		e = json_add_text(b, "client_endpoint", p->endpoint);
	if (e == ERR_OK)
		e = json_add_text(b, "server_endpoint", p->server_endpoint);
	if (e == ERR_OK)
		e = when_add_json(b, "expires", p->expires_ms);
	if (e == ERR_OK)
		e = when_add_json(b, "changed", p->changed_ms);
	if (e == ERR_OK)
		e = json_add_name(b, "refresh_rejected");
	if (e == ERR_OK)
		e = buf_adds(b, p->rejected != NULL ? "true" : "false");
	if (e == ERR_OK)
		e = json_add_text(b, "reason", p->rejected);
	if (e == ERR_OK)
		e = add_setup(b, r);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static void
print_setup(const struct setup_reading *r)
{
	if (!r->found || r->row.state == SETUP_DONE)
		return;
	(void)fputs(", not set up", stdout);
	if (r->row.reason[0] != '\0')
		(void)fputs(": ", stdout);
	clean_text(r->row.reason);
}

static void
print_line(const struct portal *p, const struct setup_reading *r)
{
	clean_text(p->member_id);
	(void)putchar(' ');
	clean_text(p->endpoint);
	(void)fputs(p->rejected != NULL ? " REJECTED: install again" :
	    " ok", stdout);
	print_setup(r);
	(void)putchar('\n');
}

static bool
each_portal(void *ctx, const struct portal *p)
{
	struct print *print = ctx;
	struct problem problem = { .err = ERR_OK };
	struct arena a;
	struct setup_reading r = { .member_id = p->member_id, .arena = &a };
	struct buf b;

	arena_init(&a, OBJECT_MAX);
	buf_init(&b, OBJECT_MAX);
	store_setup_read(&r);
	print->err = store_now(print->store, &r.db, &problem);
	if (print->err == ERR_OK)
		print->err = portal_json(&b, p, &r);
	if (print->err == ERR_OK && buf_str(&b) == NULL)
		print->err = ERR_NOMEM;
	if (print->err == ERR_OK && print->json) {
		(void)fputs(print->n != 0 ? ",\n" : "", stdout);
		clean_json(b.p);
	} else if (print->err == ERR_OK) {
		print_line(p, &r);
	}
	buf_free(&b);
	arena_free(&a);
	print->n++;
	return print->err == ERR_OK && ferror(stdout) == 0;
}

enum err
report_portals(struct store *s, bool json, struct problem *p)
{
	struct print print = { .store = s, .json = json };
	enum err e;

	if (json)
		(void)putchar('[');
	e = store_portal_each(s, each_portal, &print, p);
	if (json)
		(void)fputs("]\n", stdout);
	else if (e == ERR_OK && print.n == 0)
		(void)fputs("no portal is installed\n", stdout);
	if (e == ERR_OK && print.err != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	return e;
}

static enum err
stats_json(struct buf *b, const struct stats *st)
{
	enum err e = buf_addc(b, '{');

	for (size_t i = 0; e == ERR_OK && i < FIGURES; i++)
		e = json_add_number(b, figures[i].name,
		    figure(st, i));
	if (e == ERR_OK)
		e = when_add_json(b, "oldest", st->oldest_ms);
	return e == ERR_OK ? buf_adds(b, "}\n") : e;
}

static enum err
stats_text(struct buf *b, const struct stats *st)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < FIGURES; i++)
		e = buf_addf(b, "%-18s %" PRId64 "\n", figures[i].name,
		    figure(st, i));
	if (e == ERR_OK)
		e = buf_addf(b, "%-18s ", "oldest");
	if (e == ERR_OK)
		e = st->oldest_ms == 0 ? buf_adds(b, "none waits") :
		    when_add_ago(b, st->oldest_ms, st->now_ms);
	return e == ERR_OK ? buf_addc(b, '\n') : e;
}

enum err
report_stats(struct store *s, bool json, struct problem *p)
{
	const char *text = NULL;
	struct stats st;
	struct buf b;
	enum err e = store_stats(s, &st, p);

	if (e != ERR_OK)
		return e;
	buf_init(&b, OBJECT_MAX);
	e = json ? stats_json(&b, &st) : stats_text(&b, &st);
	if (e == ERR_OK && (text = buf_str(&b)) == NULL)
		e = ERR_NOMEM;
	if (e == ERR_OK)
		(void)fputs(text, stdout);
	else
		(void)problem_set(p, e, -1, NULL, "out of memory");
	buf_free(&b);
	return e;
}
