/*
 * imconnectorctl doctor: why no event comes.
 *
 * Called by the table of commands.  Owns what it opens.  The questions are a
 * table, asked one after the other; one that hangs on an answer that is not
 * there is not asked, and says so.  Nothing is changed anywhere, but that a
 * token which has expired is refreshed.
 */
#include "ctl/doctor.h"

#include "codec/json_write.h"
#include "ctl/clean.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define ARENA_MAX ((size_t)1024 * 1024)
#define FINDING_MAX 1024	/* bytes; longer ones are cut */
#define LINE_MAX ((size_t)16 * 1024)
#define EX_WRONG 1

static const struct question questions[] = {
	{ "configuration", "the configuration", 0, ask_configuration },
	{ "store", "the store", HAS_CONFIG, ask_store },
	{ "socket", "the handler's socket", 0, ask_socket },
	{ "listener", "a handler behind the socket", HAS_SOCKET,
	    ask_listener },
	{ "web_user", "the web server may connect", HAS_SOCKET,
	    ask_web_user },
	{ "portal", "a portal is known", HAS_STORE, ask_portal },
	{ "handler_url", "the handler's URL", HAS_STORE, ask_url },
	{ "set_up", "the portal is set up", HAS_PORTAL, ask_set_up },
	{ "token", "the application's token", HAS_PORTAL, ask_token },
	{ "clock", "the clock here", HAS_ANSWER, ask_clock },
	{ "installed", "the installation is finished", HAS_TOKEN,
	    ask_installed },
	{ "scopes", "the application's permissions", HAS_TOKEN, ask_scopes },
	{ "connectors", "the connector is registered", HAS_TOKEN,
	    ask_connectors },
	{ "bindings", "the events are bound to our URL", HAS_TOKEN | HAS_URL,
	    ask_bindings },
	{ "lines", "the connector is on an open line", HAS_TOKEN, ask_lines },
	{ "reachable", "the URL leads to the handler", HAS_URL,
	    ask_reachable },
	{ "test_event", "a test event is accepted", HAS_HANDLER,
	    ask_test_event },
	{ "events", "events came", HAS_STORE, ask_events_seen },
	{ "waiting", "nothing waits", HAS_STORE, ask_waiting },
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

/* What each bit of `has` stands for, in order. */
static const char *const missing[] = {
	"a configuration that is right", "a store", "a socket",
	"a portal", "the handler's URL", "a token that works",
	"a handler that is reached", "an answer of the portal with its time",
};

static const char *const level_names[] = {
	[FINDING_OK] = "ok", [FINDING_NOTE] = "note",
	[FINDING_WRONG] = "wrong", [FINDING_NOT_ASKED] = "not_asked",
};

static void
say_text(const struct doctor *d, enum finding_level level, const char *is,
    const char *todo)
{
	static const char *const marks[] = {
		[FINDING_OK] = "ok   ", [FINDING_NOTE] = "note ",
		[FINDING_WRONG] = "WRONG", [FINDING_NOT_ASKED] = "-    ",
	};

	printf("%s  %s: ", marks[level], d->at->asks);
	clean_text(is);
	if (todo != NULL)
		printf(". %s", todo);
	(void)putchar('\n');
}

static void
say_json(const struct doctor *d, enum finding_level level, const char *is,
    const char *todo)
{
	struct buf b;
	enum err e;

	buf_init(&b, LINE_MAX);
	e = buf_addc(&b, '{');
	if (e == ERR_OK)
		e = json_add_text(&b, "question", d->at->name);
	if (e == ERR_OK)
		e = json_add_text(&b, "asked", d->at->asks);
	if (e == ERR_OK)
		e = json_add_text(&b, "level", level_names[level]);
	if (e == ERR_OK)
		e = json_add_text(&b, "is", is);
	if (e == ERR_OK)
		e = json_add_text(&b, "do", todo);
	if (e == ERR_OK)
		e = buf_addc(&b, '}');
	if (e == ERR_OK && buf_str(&b) != NULL) {
		(void)fputs(d->any ? ",\n" : "", stdout);
		clean_json(b.p);
	}
	buf_free(&b);
}

void
doctor_say(struct doctor *d, enum finding_level level, const char *todo,
    const char *fmt, ...)
{
	char is[FINDING_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(is, sizeof(is), fmt, ap);
	va_end(ap);
	if (d->ctl->a.given[ARG_JSON] != NULL)
		say_json(d, level, is, todo);
	else
		say_text(d, level, is, todo);
	/* a call may take its time: what is known is seen meanwhile */
	(void)fflush(stdout);
	d->any = true;
	d->wrong = d->wrong || level == FINDING_WRONG;
}

/* The first of what is missing is the cause. */
static void
ask(struct doctor *d, const struct question *q)
{
	unsigned lacks = q->needs & ~d->has;

	d->at = q;
	for (size_t i = 0; lacks != 0 && i < sizeof(missing) /
	    sizeof(missing[0]); i++) {
		if ((lacks & 1u << i) == 0)
			continue;
		doctor_say(d, FINDING_NOT_ASKED, NULL, "not asked, for want "
		    "of %s", missing[i]);
		return;
	}
	q->ask(d);
}

enum err
doctor_command(struct ctl *ctl, struct problem *p)
{
	struct doctor d = { .ctl = ctl };
	bool json = ctl->a.given[ARG_JSON] != NULL;

	(void)p;
	arena_init(&d.arena, ARENA_MAX);
	doctor_look_at_socket(&d);
	if (json)
		(void)putchar('[');
	for (size_t i = 0; i < QUESTIONS; i++)
		ask(&d, &questions[i]);
	if (json)
		(void)fputs("]\n", stdout);
	ctl->code = d.wrong ? EX_WRONG : EX_OK;
	portal_list_free(&d.connectors);
	arena_free(&d.arena);
	(void)setup_free(&ctl->s);
	return ERR_OK;
}
