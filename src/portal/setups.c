/*
 * Set-ups that are due.
 *
 * Called by the relay's look and behind an installation.  Owns those that
 * are on their way.  Each is claimed in the store, so that several processes
 * do not make the same; if one dies, or cannot write how it ended, another
 * tries again.
 */
#include "portal/setups.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define AT_ONCE 64		/* of one process */
#define ARENA_MAX ((size_t)16 * 1024)
#define REFUSED_MORE 6		/* times retry.longest: a person must act */
#define DOUBLES_MAX 20

struct one {
	struct setting_up s;	/* first */
	struct setups *all;
	struct arena arena;
	struct setup_row row;
	struct setup_ending ending;
	LIST_ENTRY(one) link;
};

struct setups {
	struct rooms *rooms;
	const struct env *env;
	LIST_HEAD(, one) list;
	size_t n;
	struct setup_due due;
	struct one *next;	/* what the next claim goes into */
	bool looking, stopped;
};

static void
one_free(struct one *o)
{
	setting_up_free(&o->s);
	arena_free(&o->arena);
	loop_bury(o->all->env->loop, o);
}

static void
one_end(struct one *o)
{
	o->all->n--;
	LIST_REMOVE(o, link);
	one_free(o);
}

static int64_t
pause_ms(const struct config *c, const struct setting_up *s, int64_t tries)
{
	int64_t ms = c->retry.first * 1000, longest = c->retry.longest * 1000;

	if (s->end == SETTING_REFUSED)
		return REFUSED_MORE * longest;
	for (int64_t i = 0; i < tries && i < DOUBLES_MAX && ms < longest; i++)
		ms *= 2;
	return ms < longest ? ms : longest;
}

void
setups_ending(struct setup_ending *e, const struct setting_up *s,
    int64_t tries)
{
	const struct config *c = s->rooms->env->config;

	e->state = s->end == SETTING_DONE ? SETUP_DONE :
	    s->end == SETTING_WAITS ? SETUP_WAITS : SETUP_WANTED;
	e->wait_ms = pause_ms(c, s, tries);
	e->reason = s->reason;
	store_setup_end(e);
}

static void
on_ended(struct db_work *w)
{
	struct one *o = (struct one *)((char *)w - offsetof(struct one,
	    ending));

	if (w->end != ERR_OK)
		log_error(o->all->env->log, "store-failed", F_STR("member_id",
		    o->row.member_id), F_STR("reason", w->problem.text));
	one_end(o);
}

static void
say(const struct one *o)
{
	const struct log *log = o->all->env->log;

	if (o->s.end == SETTING_DONE)
		log_info(log, "set-up", F_STR("member_id", o->row.member_id),
		    F_STR("handler_url", o->s.own_url));
	else
		log_warning(log, o->s.end == SETTING_REFUSED ?
		    "set-up-refused" : "set-up-postponed",
		    F_STR("member_id", o->row.member_id),
		    F_STR("reason", o->s.reason));
}

static void
on_done(struct setting_up *s)
{
	struct one *o = (struct one *)s;

	say(o);
	o->ending = (struct setup_ending){ .db.done = on_ended,
	    .member_id = o->row.member_id, .asked = o->row.asked };
	setups_ending(&o->ending, s, o->row.tries);
	env_submit(o->all->env, &o->ending.db);
}

static void
start(struct one *o)
{
	o->row = o->all->due.row;
	LIST_INSERT_HEAD(&o->all->list, o, link);
	o->s = (struct setting_up){ .done = on_done, .rooms = o->all->rooms,
	    .member_id = o->row.member_id, .url = o->row.url,
	    .halted = &o->all->stopped };
	setting_up_start(&o->s);
}

static void
on_due(struct db_work *w)
{
	struct setups *all = (struct setups *)((char *)w -
	    offsetof(struct setups, due));
	struct one *o = all->next;

	all->looking = false;
	all->next = NULL;
	if (w->end != ERR_OK || !all->due.found || all->stopped) {
		all->n--;
		one_free(o);
		return;
	}
	start(o);
	setups_look(all);
}

void
setups_look(struct setups *all)
{
	struct one *o;

	if (all->looking || all->stopped || all->n >= AT_ONCE)
		return;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return;		/* the next look tries again */
	o->all = all;
	arena_init(&o->arena, ARENA_MAX);
	all->next = o;
	all->looking = true;
	all->n++;
	all->due = (struct setup_due){ .db.done = on_due,
	    .arena = &o->arena };
	store_setup_due(&all->due);
	env_submit(all->env, &all->due.db);
}

void
setups_stop(struct setups *all)
{
	struct one *o, *next;

	all->stopped = true;
	for (o = LIST_FIRST(&all->list); o != NULL; o = next) {
		next = LIST_NEXT(o, link);
		if (o->ending.db.done == NULL && setting_up_drop(&o->s))
			one_end(o);
	}
}

size_t
setups_busy(const struct setups *all)
{
	return all->n;
}

enum err
setups_new(struct setups **out, struct rooms *rooms)
{
	struct setups *all = calloc(1, sizeof(*all));

	*out = all;
	if (all == NULL)
		return ERR_NOMEM;
	all->rooms = rooms;
	all->env = rooms->env;
	LIST_INIT(&all->list);
	return ERR_OK;
}

void
setups_free(struct setups *all)
{
	struct one *o;

	if (all == NULL)
		return;
	while ((o = LIST_FIRST(&all->list)) != NULL)
		one_end(o);
	if (all->next != NULL)
		one_free(all->next);
	free(all);
}
