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

void
ask_events_seen(struct doctor *d)
{
	struct problem p = { 0 };
	struct recent r;
	struct buf ago;

	buf_init(&ago, TODO_MAX);
	if (store_recent(d->ctl->s.store, &r, &p) != ERR_OK)
		doctor_say(d, FINDING_WRONG, NULL, "%s", p.text);
	else if (r.last_ms == 0)
		doctor_say(d, FINDING_NOTE, "If all above is well, write to "
		    "a customer of that line. What was refused or ignored is "
		    "in the log (event=answered)", "no message was ever "
		    "accepted");
	else if (when_add_ago(&ago, r.last_ms, clock_wall(&clock_system)) ==
	    ERR_OK && buf_str(&ago) != NULL)
		doctor_say(d, FINDING_OK, NULL, "the last message came %s, %"
		    PRId64 " in the last hour", buf_str(&ago), r.hour);
	buf_free(&ago);
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
