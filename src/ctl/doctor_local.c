/*
 * What doctor asks of the configuration and of the store.
 *
 * Called by the table of questions.  Opens what the rest works with.
 */
#include "ctl/doctor.h"

#include "base/number.h"
#include "ctl/check.h"
#include "ctl/groups.h"
#include "ctl/owner.h"
#include "ctl/when.h"
#include "store/admin.h"
#include "store/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TODO_MAX 400
#define EVENTS_MAX 800
#define HOUR_MS 3600000
#define GROUPS_SAID 20
#define STORE_URL_SKIP 7	/* sqlite: */

/* As check says it, but for the name of the file. */
static void
say_finding(struct doctor *d, const struct check *k, const struct finding *f)
{
	char todo[TODO_MAX], line[NUMBER_TEXT_MAX + 1] = "";

	if (f->line != 0)
		(void)snprintf(line, sizeof(line), ":%d", f->line);
	if (f->run[0] != '\0')
		(void)snprintf(todo, sizeof(todo), "Run: %s", f->run);
	else
		(void)snprintf(todo, sizeof(todo), "Mend it; 'imconnectorctl "
		    "check' looks at it alone");
	doctor_say(d, f->error ? FINDING_WRONG : FINDING_NOTE, todo,
	    "%s%s: %s%s%s", k->file, line, f->what, f->why[0] != '\0' ? ": " :
	    "", f->why);
}

void
ask_configuration(struct doctor *d)
{
	struct ctl *ctl = d->ctl;
	struct problem p = { 0 };
	struct check k;
	enum err e = check_look(ctl, &k, &p);

	for (size_t i = 0; e == ERR_OK && i < k.n; i++)
		say_finding(d, &k, &k.of[i]);
	if (e == ERR_OK && ctl->s.relay != NULL)
		e = connector_list(ctl->s.config, &d->connectors, &p);
	if (e != ERR_OK)
		doctor_say(d, FINDING_WRONG, "Run this as root, or as the "
		    "handler's user", "%s", p.text);
	else if (k.n == 0)
		doctor_say(d, FINDING_OK, NULL, "%s", k.file);
	if (e == ERR_OK && ctl->s.relay != NULL)
		d->has |= HAS_CONFIG;
	check_end(&k);
}

void
ask_store(struct doctor *d)
{
	const char *url = d->ctl->s.config->store.url;
	const char *path = url + STORE_URL_SKIP;
	struct problem p = { 0 };
	struct stat st;
	struct stats stats;

	if (stat(path, &st) != 0) {
		doctor_say(d, FINDING_WRONG, errno == ENOENT ? "A handler "
		    "makes it with its first event. If one had any, it has "
		    "another configuration" : "Run this as root, or as the "
		    "handler's user", "%s: %s", path, strerror(errno));
		return;
	}
	if (!become_owner(url, &p) ||
	    store_stats(d->ctl->s.store, &stats, &p) != ERR_OK) {
		doctor_say(d, FINDING_WRONG, "Run this as root, or as the "
		    "handler's user", "%s: %s", path, p.text);
		return;
	}
	d->has |= HAS_STORE;
	doctor_say(d, FINDING_OK, NULL, "%s, with %" PRId64 " messages that "
	    "are not done", path, stats.state[STATE_RECEIVED] +
	    stats.state[STATE_DELIVERED] + stats.state[STATE_REFUSED]);
}

static const char *const answers[HOUR_EVENTS] = {
	[HOUR_ACKNOWLEDGED] = "acknowledged", [HOUR_QUEUED] = "queued",
	[HOUR_IGNORED] = "ignored",
	[HOUR_DENIED] = "refused with 403 (wrong token)",
	[HOUR_REFUSED] = "refused (400, 413, 415 or 422)",
	[HOUR_UNAVAILABLE] = "answered 503",
};

/* Where events came and none was taken; else NULL. */
static const char *
events_todo(const struct recent *r, int64_t sum)
{
	if (sum == 0 || r->hour[HOUR_ACKNOWLEDGED] != 0 ||
	    r->hour[HOUR_QUEUED] != 0)
		return NULL;
	if (r->hour[HOUR_DENIED] == sum)
		return "Their application_token is not the one that is known "
		    "here: look at app.application_token, or install the "
		    "application again";
	if (r->hour[HOUR_IGNORED] == sum)
		return "Is their connector in app.connectors? It is in the "
		    "log (event=ignored)";
	return "Why is in the log (event=answered, event=ignored)";
}

/* What an older program took in that hour was not counted: then nothing is
 * said of it. */
static enum err
add_events(struct buf *b, const struct recent *r, int64_t sum)
{
	int64_t now_ms = clock_wall(&clock_system);
	enum err e = when_add_ago(b, r->last_ms, now_ms);
	const char *before = ": ";

	if (e == ERR_OK && sum != 0)
		e = buf_addf(b, "; in the last hour %" PRId64, sum);
	else if (e == ERR_OK && r->last_ms < now_ms - HOUR_MS)
		e = buf_adds(b, "; in the last hour none");
	for (int i = 0; e == ERR_OK && i < HOUR_EVENTS; i++) {
		if (r->hour[i] == 0)
			continue;
		e = buf_addf(b, "%s%" PRId64 " %s", before, r->hour[i],
		    answers[i]);
		before = ", ";
	}
	return e;
}

void
ask_events_seen(struct doctor *d)
{
	struct problem p = { 0 };
	const char *todo;
	struct recent r;
	int64_t sum = 0;
	struct buf b;

	if (store_recent(d->ctl->s.store, &r, &p) != ERR_OK) {
		doctor_say(d, FINDING_WRONG, NULL, "%s", p.text);
		return;
	}
	for (int i = 0; i < HOUR_EVENTS; i++)
		sum += r.hour[i];
	buf_init(&b, EVENTS_MAX);
	todo = events_todo(&r, sum);
	if (r.last_ms == 0)
		doctor_say(d, FINDING_NOTE, "If all above is well, write to "
		    "a customer of that line", "none ever came");
	else if (add_events(&b, &r, sum) == ERR_OK && buf_str(&b) != NULL)
		doctor_say(d, todo != NULL ? FINDING_NOTE : FINDING_OK, todo,
		    "last event %s", buf_str(&b));
	buf_free(&b);
}

/* What to do about what waits; what passes by itself is noted, or well. */
static const struct {
	enum finding_level level;
	const char *todo;
} stuck[WAIT__MAX] = {
	[WAIT_REFUSED] = { FINDING_WRONG, "Mend it, then 'imconnectorctl "
	    "queue retry'" },
	[WAIT_UNCOVERED] = { FINDING_WRONG, "Start the handler of that "
	    "connector; look at app.connectors" },
	[WAIT_PARKED] = { FINDING_WRONG, "'imconnectorctl setup --verbose' "
	    "shows what Bitrix24 says" },
	[WAIT_DOWN] = { FINDING_WRONG, "Once it is up they go on by "
	    "themselves" },
	[WAIT_LATER] = { FINDING_NOTE, "See 'imconnectorctl queue list'" },
	[WAIT_TURN] = { FINDING_OK, NULL },
	[WAIT_WORK] = { FINDING_OK, NULL },
};

static void
say_group(struct doctor *d, const struct wait_group *g)
{
	struct line l;

	line_begin(&l);
	(void)groups_line(&l, g, d->ctl->s.config);
	if (l.err == ERR_OK && buf_str(&l.b) != NULL)
		doctor_say(d, stuck[g->why].level, stuck[g->why].todo, "%s",
		    buf_str(&l.b));
	line_free(&l);
}

void
ask_waiting(struct doctor *d)
{
	struct problem p = { 0 };
	struct waits v;
	bool ok = groups_read(d->ctl->s.store, &v, &p) == ERR_OK;

	if (!ok)
		doctor_say(d, FINDING_WRONG, NULL, "%s", p.text);
	else if (v.n == 0)
		doctor_say(d, FINDING_OK, NULL, "all that came is done");
	for (size_t i = 0; ok && i < v.n && i < GROUPS_SAID; i++)
		say_group(d, v.group[i]);
	if (ok && v.n > GROUPS_SAID)
		doctor_say(d, FINDING_NOTE, "See 'imconnectorctl queue list'",
		    "%zu more groups", v.n - GROUPS_SAID);
	waits_free(&v);
}
