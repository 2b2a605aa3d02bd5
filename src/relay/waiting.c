/*
 * Requests that wait for Bitrix24 to be told.
 *
 * Called by the relay for each event, and by whoever makes a status call.
 * Owns the lists and the thread that watches the time; a wait is its owner's,
 * who may free it as soon as `over` was called.  Never calls out under its
 * lock.
 */
#include "relay/waiting.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define SLOTS 1024		/* a power of two */
#define STACK_SIZE ((size_t)256 * 1024)
#define ASK_MS 100		/* between looks at what another process told */
#define ASK_MAX 256		/* messages in one look */
#define IDLE_MS 60000

LIST_HEAD(slot, awaited);
TAILQ_HEAD(waits, wait);

struct waiting {
	struct store *store;
	const struct clock *clock;
	pthread_mutex_t lock;	/* guards the rest */
	pthread_cond_t wake;
	struct slot slot[SLOTS];
	struct waits armed;
	size_t waits;		/* in that list */
	bool stop;
	bool started;
	pthread_t thread;
};

static int64_t
now(const struct waiting *w)
{
	return w->clock->mono_ms(w->clock->ctx);
}

enum err
waiting_new(struct waiting **out, struct store *store,
    const struct clock *clock)
{
	struct waiting *w = calloc(1, sizeof(*w));
	pthread_condattr_t a;

	*out = NULL;
	if (w == NULL || pthread_condattr_init(&a) != 0) {
		free(w);
		return ERR_NOMEM;
	}
	w->store = store;
	w->clock = clock;
	for (size_t i = 0; i < SLOTS; i++)
		LIST_INIT(&w->slot[i]);
	TAILQ_INIT(&w->armed);
	/* plain ones: neither can fail here */
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->wake, &a);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_condattr_destroy(&a);
	*out = w;
	return ERR_OK;
}

void
waiting_free(struct waiting *w)
{
	if (w == NULL)
		return;
	waiting_stop(w);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

void
waiting_init(struct wait *wait, struct awaited *room)
{
	wait->item = room;
	wait->items = wait->pending = 0;
	wait->armed = false;
}

void
waiting_add(struct waiting *w, struct wait *wait, int64_t id)
{
	struct awaited *a = &wait->item[wait->items++];

	*a = (struct awaited){ .id = id, .state = STATE_DELIVERED,
	    .wait = wait, .listed = true };
	(void)pthread_mutex_lock(&w->lock);
	LIST_INSERT_HEAD(&w->slot[id & (SLOTS - 1)], a, link);
	wait->pending++;
	(void)pthread_mutex_unlock(&w->lock);
}

/* Under the lock. */
static void
unlist(struct awaited *a)
{
	if (!a->listed)
		return;
	LIST_REMOVE(a, link);
	a->listed = false;
	a->wait->pending--;
}

void
waiting_undo(struct waiting *w, struct wait *wait)
{
	(void)pthread_mutex_lock(&w->lock);
	unlist(&wait->item[--wait->items]);
	(void)pthread_mutex_unlock(&w->lock);
}

/* Under the lock: it is its owner's again, with or without what it awaited. */
static void
disarm(struct waiting *w, struct wait *wait)
{
	for (size_t i = 0; i < wait->items; i++)
		unlist(&wait->item[i]);
	if (wait->armed) {
		TAILQ_REMOVE(&w->armed, wait, link);
		w->waits--;
	}
	wait->armed = false;
}

void
waiting_arm(struct waiting *w, struct wait *wait)
{
	bool first;

	(void)pthread_mutex_lock(&w->lock);
	first = TAILQ_EMPTY(&w->armed);
	wait->armed = wait->pending != 0;
	if (wait->armed) {
		wait->asked_ms = now(w);
		TAILQ_INSERT_TAIL(&w->armed, wait, link);
		w->waits++;
	}
	if (first && wait->armed)
		(void)pthread_cond_signal(&w->wake);
	first = wait->armed;
	(void)pthread_mutex_unlock(&w->lock);
	if (!first)
		wait->over(wait);
}

void
waiting_end(struct waiting *w, struct wait *wait)
{
	(void)pthread_mutex_lock(&w->lock);
	disarm(w, wait);
	(void)pthread_mutex_unlock(&w->lock);
	wait->over(wait);
}

/* Calls those out that are over; the lock is not held. */
static void
end_all(struct waits *over)
{
	struct wait *wait;

	while ((wait = TAILQ_FIRST(over)) != NULL) {
		TAILQ_REMOVE(over, wait, link);
		wait->over(wait);
	}
}

/* Under the lock: one message was told. */
static void
told(struct waiting *w, int64_t id, enum state state, struct waits *over)
{
	struct awaited *a, *next;

	for (a = LIST_FIRST(&w->slot[id & (SLOTS - 1)]); a != NULL; a = next) {
		struct wait *wait = a->wait;

		next = LIST_NEXT(a, link);
		if (a->id != id)
			continue;
		a->state = state;
		unlist(a);
		if (wait->pending == 0 && wait->armed) {
			disarm(w, wait);
			TAILQ_INSERT_TAIL(over, wait, link);
		}
	}
}

void
waiting_tell(struct waiting *w, struct work *const *work, size_t n,
    enum state state)
{
	struct waits over = TAILQ_HEAD_INITIALIZER(over);

	(void)pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < n; i++)
		told(w, work[i]->id, state, &over);
	(void)pthread_mutex_unlock(&w->lock);
	end_all(&over);
}

size_t
waiting_count(struct waiting *w)
{
	size_t n;

	(void)pthread_mutex_lock(&w->lock);
	n = w->waits;
	(void)pthread_mutex_unlock(&w->lock);
	return n;
}

/* Under the lock: those whose time is over. */
static void
expire(struct waiting *w, bool all, struct waits *over)
{
	struct wait *wait, *next;

	for (wait = TAILQ_FIRST(&w->armed); wait != NULL; wait = next) {
		next = TAILQ_NEXT(wait, link);
		if (all || deadline_left(&wait->until) == 0) {
			disarm(w, wait);
			TAILQ_INSERT_TAIL(over, wait, link);
		}
	}
}

void
waiting_end_all(struct waiting *w)
{
	struct waits over = TAILQ_HEAD_INITIALIZER(over);

	(void)pthread_mutex_lock(&w->lock);
	expire(w, true, &over);
	(void)pthread_mutex_unlock(&w->lock);
	end_all(&over);
}

/* Under the lock: what is waited for long enough to ask the store. */
static size_t
to_ask(struct waiting *w, int64_t *id)
{
	struct wait *wait;
	size_t n = 0;

	TAILQ_FOREACH(wait, &w->armed, link) {
		/* those that found no room now come first the next time */
		if (now(w) - wait->asked_ms < ASK_MS ||
		    (n != 0 && n + wait->items > ASK_MAX))
			continue;
		for (size_t i = 0; i < wait->items; i++)
			if (wait->item[i].listed && n < ASK_MAX)
				id[n++] = wait->item[i].id;
		wait->asked_ms = now(w);
	}
	return n;
}

/* What another process told, or a person took away. */
static void
ask(struct waiting *w, const int64_t *id, size_t n, struct waits *over)
{
	enum state state[ASK_MAX];
	struct problem p = { 0 };

	if (n == 0 || store_states(w->store, id, n, state, &p) != ERR_OK)
		return;
	(void)pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < n; i++)
		if (state[i] != STATE_DELIVERED)
			told(w, id[i], state[i], over);
	(void)pthread_mutex_unlock(&w->lock);
}

/* One look at the time and at the store. */
static void
turn(struct waiting *w)
{
	struct waits over = TAILQ_HEAD_INITIALIZER(over);
	int64_t id[ASK_MAX];
	size_t n;

	(void)pthread_mutex_lock(&w->lock);
	expire(w, false, &over);
	n = to_ask(w, id);
	(void)pthread_mutex_unlock(&w->lock);
	ask(w, id, n, &over);
	end_all(&over);
}

/* Sleeps until there is something to look at.  False: it is time to stop. */
static bool
sleep_on(struct waiting *w)
{
	struct timespec until;
	int64_t ms;
	bool go_on;

	(void)pthread_mutex_lock(&w->lock);
	ms = TAILQ_EMPTY(&w->armed) ? IDLE_MS : ASK_MS / 2;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	if (!w->stop)
		(void)pthread_cond_timedwait(&w->wake, &w->lock, &until);
	go_on = !w->stop;
	(void)pthread_mutex_unlock(&w->lock);
	return go_on;
}

static void *
watch(void *ctx)
{
	while (sleep_on(ctx))
		turn(ctx);
	return NULL;
}

enum err
waiting_start(struct waiting *w)
{
	pthread_attr_t a;

	if (pthread_attr_init(&a) != 0)
		return ERR_NOMEM;
	(void)pthread_attr_setstacksize(&a, STACK_SIZE);
	w->started = pthread_create(&w->thread, &a, watch, w) == 0;
	(void)pthread_attr_destroy(&a);
	return w->started ? ERR_OK : ERR_RETRY;
}

void
waiting_stop(struct waiting *w)
{
	if (!w->started)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_join(w->thread, NULL);
	w->started = w->stop = false;
}
