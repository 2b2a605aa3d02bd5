/*
 * Which destinations are slow right now, in the memory of this process.
 *
 * Called by the relay around each call.  Owns its list.  When it is full a
 * place is not listed, and only loses this protection.
 */
#include "relay/late.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 256

struct late {
	pthread_mutex_t lock;
	struct place {
		char name[PLACE_MAX];	/* "" is free */
		int late;
		int retries;
	} place[PLACES];
};

enum err
late_new(struct late **out)
{
	struct late *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (l == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
		free(l);
		return ERR_NOMEM;
	}
	*out = l;
	return ERR_OK;
}

void
late_free(struct late *l)
{
	if (l == NULL)
		return;
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

/* Under the lock.  With `make`, a free place is taken for a new name. */
static struct place *
find(struct late *l, const char *name, bool make)
{
	struct place *empty = NULL;

	for (size_t i = 0; i < PLACES; i++) {
		struct place *p = &l->place[i];

		if (p->name[0] == '\0' && empty == NULL)
			empty = p;
		if (strcmp(p->name, name) == 0)
			return p;
	}
	if (make && empty != NULL)
		(void)snprintf(empty->name, sizeof(empty->name), "%s", name);
	return make ? empty : NULL;
}

static void
release(struct place *p)
{
	if (p->late == 0 && p->retries == 0)
		p->name[0] = '\0';
}

bool
late_is(struct late *l, const char *place, int64_t min)
{
	const struct place *p;
	bool is;

	(void)pthread_mutex_lock(&l->lock);
	p = find(l, place, false);
	is = p != NULL && p->late >= min;
	(void)pthread_mutex_unlock(&l->lock);
	return is;
}

bool
late_begin(struct late *l, const char *place, int max)
{
	struct place *p;
	bool ok;

	(void)pthread_mutex_lock(&l->lock);
	p = find(l, place, true);
	ok = p != NULL && p->retries < max;
	if (ok)
		p->retries++;
	(void)pthread_mutex_unlock(&l->lock);
	return ok;
}

void
late_end(struct late *l, const char *place)
{
	struct place *p;

	(void)pthread_mutex_lock(&l->lock);
	p = find(l, place, false);
	if (p != NULL) {
		p->retries--;
		release(p);
	}
	(void)pthread_mutex_unlock(&l->lock);
}

int
late_count(struct late *l, const char *place)
{
	const struct place *p;
	int n;

	(void)pthread_mutex_lock(&l->lock);
	p = find(l, place, false);
	n = p != NULL ? p->retries : 0;
	(void)pthread_mutex_unlock(&l->lock);
	return n;
}

static void
run_out(void *ctx)
{
	struct late_watch *w = ctx;
	struct place *p;

	(void)pthread_mutex_lock(&w->late->lock);
	p = find(w->late, w->place, true);
	w->marked = p != NULL;
	if (p != NULL)
		p->late++;
	(void)pthread_mutex_unlock(&w->late->lock);
	patience_end(w->outer);
}

void
late_watch_begin(struct late_watch *w, struct late *late, const char *place,
    struct patience *outer, const struct clock *clock, int64_t ms)
{
	*w = (struct late_watch){ .late = late, .place = place,
	    .outer = outer };
	w->inner = (struct patience){ .run_out = run_out, .ctx = w };
	w->inner.until = outer->over ? deadline_in(clock, ms) : outer->until;
}

void
late_watch_end(struct late_watch *w)
{
	struct place *p;

	if (!w->marked)
		return;
	(void)pthread_mutex_lock(&w->late->lock);
	p = find(w->late, w->place, false);
	if (p != NULL) {
		p->late--;
		release(p);
	}
	(void)pthread_mutex_unlock(&w->late->lock);
}
