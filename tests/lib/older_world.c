/*
 * A store of the version before, seen through the functions of this one.
 *
 * Called by unit tests.  Owns the folder.  What must not fail ends the test.
 */
#include "older_world.h"

#include "event_make.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t
wall(void *ctx)
{
	return ((const struct older_world *)ctx)->now_ms;
}

static int64_t
mono(void *ctx)
{
	return ((const struct older_world *)ctx)->mono_ms;
}

struct store *
old_store(struct older_world *w)
{
	struct store *s;

	assert_int_equal(store_open(&s, &w->opts, &w->problem), ERR_OK);
	return s;
}

int
older_world_begin(void **state)
{
	struct older_world *w = calloc(1, sizeof(*w));

	*state = w;
	if (w == NULL)
		return -1;
	(void)strcpy(w->dir, "/tmp/imconnector-older-XXXXXX");
	if (mkdtemp(w->dir) == NULL)
		return -1;
	(void)snprintf(w->path, sizeof(w->path), "%s/queue.db", w->dir);
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s", w->path);
	w->now_ms = NOW;
	w->mono_ms = MONO;
	w->clock = (struct clock){ wall, mono, w };
	w->opts = (struct store_opts){ .db = { .url = w->url,
	    .clock = &w->clock, .create = true, .busy_ms = 20000 },
	    .keep_ms = (int64_t)7 * 86400000, .longest_ms = 600000,
	    .give_up_ms = 86400000, .burst = 50, .rate = 2, .slots = 2 };
	w->lives = -1;
	w->old = older_file(w->path);
	w->store = old_store(w);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

int
older_world_end(void **state)
{
	struct older_world *w = *state;

	if (w->lives >= 0)
		(void)close(w->lives);
	(void)sqlite3_close(w->old);
	(void)store_close(w->store, 0);
	(void)nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

static void
run(struct older_world *w, struct store *s, struct db_work *work)
{
	(void)store_now(s, work, &w->problem);
	assert_string_equal(work->problem.text, "");
	assert_int_equal(work->end, ERR_OK);
}

void
old_older_begins(struct older_world *w)
{
	w->lives = older_process(w->path, PROCESS);
}

void
old_older_ends(struct older_world *w)
{
	(void)close(w->lives);
	w->lives = -1;
}

/* One look; whether it wants to be followed. */
bool
old_look(struct older_world *w, struct store *s)
{
	struct looking l = { .store = s, .max = 8, .probe_ms = 95000 };

	store_look(&l);
	run(w, s, &l.db);
	store_look_free(&l);
	return l.more || l.older;
}

bool
old_is_due(struct older_world *w, struct store *s)
{
	struct peeking p = { .store = s };

	store_peek(&p);
	run(w, s, &p.db);
	return p.due;
}

int
old_look_all(struct older_world *w)
{
	int n = 1;

	while (old_look(w, w->store)) {
		assert_true(n < 10000);
		n++;
	}
	return n;
}

int64_t
old_version(struct older_world *w)
{
	return older_sql(w->old, "PRAGMA user_version");
}

int64_t
old_old_tables(struct older_world *w)
{
	return older_sql(w->old, "SELECT count(*) FROM sqlite_master WHERE"
	    " name IN ('message', 'destination', 'meter', 'call')");
}

static bool
keep_told(void *ctx, const struct stored *m)
{
	struct told *t = ctx;

	t->n++;
	t->id = m->id;
	t->tries = m->tries;
	t->next_ms = m->next_ms;
	t->message_id = m->message_id;
	t->state = m->state;
	t->step = m->step;
	(void)snprintf(t->reason, sizeof(t->reason), "%s", m->reason);
	(void)snprintf(t->ids, sizeof(t->ids), "%s", m->ids);
	(void)snprintf(t->chat, sizeof(t->chat), "%s", m->chat);
	(void)snprintf(t->body, sizeof(t->body), "%s",
	    m->body != NULL ? m->body : "");
	return true;
}

struct told
old_see(struct older_world *w, const char *key)
{
	const struct filter f = { .key = key };
	struct told t = { .n = 0 };

	assert_int_equal(store_each(w->store, &f, keep_told, &t, &w->problem),
	    ERR_OK);
	return t;
}

struct stats
old_stats(struct older_world *w)
{
	struct stats s;

	assert_int_equal(store_stats(w->store, &s, &w->problem), ERR_OK);
	return s;
}

/* An event of one message comes. */
struct arrival
old_take_text(struct older_world *w, const char *name, int64_t message_id,
    const char *chat, const char *text)
{
	struct arrival a;
	struct event ev;
	struct taking t = { .store = w->store, .event = &ev, .claims = 1,
	    .arrival = &a, .channel = { .kind = PLACE_CHANNEL,
	    .connector = "myconnector", .name = "a channel" } };
	char body[64];
	struct message m;

	(void)snprintf(body, sizeof(body), "\"text\":\"%s\"", text);
	m = make_message(message_id, body);
	m.chat = chat;
	make_event(&ev, name);
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	assert_int_equal(place_of_channel(&t.channel.number, "myconnector",
	    "a channel"), ERR_OK);
	store_take(&t);
	run(w, w->store, &t.db);
	event_free(&ev);
	return a;
}

struct arrival
old_take(struct older_world *w, int64_t message_id, const char *chat)
{
	return old_take_text(w, ADD, message_id, chat, "Hello");
}

enum state
old_watch(struct older_world *w, int64_t id)
{
	enum state state;
	struct watching v = { .store = w->store, .id = &id, .n = 1,
	    .state = &state };

	store_watch(&v);
	run(w, w->store, &v.db);
	return state;
}

int64_t
old_channel_number(const char *url)
{
	int64_t n;

	assert_int_equal(place_of_channel(&n, "myconnector", url), ERR_OK);
	return n;
}

size_t
old_take_up(struct older_world *w, int64_t place, enum place_kind kind,
    int64_t *id, size_t max)
{
	struct taking_up t = { .store = w->store, .place = place,
	    .kind = kind, .max = max };

	store_take_up(&t);
	run(w, w->store, &t.db);
	assert_true(t.n <= max);
	for (size_t i = 0; i < t.n; i++) {
		id[i] = t.work[i]->message_id;
		free(t.work[i]);
	}
	free(t.work);
	return t.n;
}

/* The channel takes one, and the next of its chat is claimed with that. */
static void
hand_over(struct older_world *w, struct work **at)
{
	struct moving_one one = { .id = (*at)->id,
	    .chat_number = (*at)->chat_number, .from = STATE_RECEIVED,
	    .move = MOVE_DONE, .text = "[]" };
	struct moving v = { .store = w->store, .one = &one, .n = 1,
	    .claim_next = true, .channel = { .kind = PLACE_CHANNEL,
	    .number = old_channel_number(""), .connector = "myconnector" } };

	store_move(&v);
	run(w, w->store, &v.db);
	assert_false(one.lost);
	free(*at);
	*at = v.next;
}

/* The first message that waits at any of the two places. */
static struct work *
first(struct older_world *w)
{
	const char *const url[] = { "", "a channel" };
	struct work *found = NULL;

	for (size_t i = 0; found == NULL && i < COUNT(url); i++) {
		struct taking_up t = { .store = w->store, .max = 1,
		    .place = old_channel_number(url[i]),
		    .kind = PLACE_CHANNEL };

		store_take_up(&t);
		run(w, w->store, &t.db);
		if (t.n != 0)
			found = t.work[0];
		free(t.work);
	}
	return found;
}

/* Hands over what waits, with a look whenever nothing is left; the ids. */
size_t
old_hand_over_all(struct older_world *w, int64_t *id, size_t max)
{
	struct work *at = NULL;
	size_t n = 0;

	do {
		(void)old_look_all(w);
		at = first(w);
		while (at != NULL) {
			assert_true(n < max);
			id[n++] = at->message_id;
			hand_over(w, &at);
		}
		(void)old_look_all(w);
		at = first(w);
		if (at != NULL) {
			assert_true(n < max);
			id[n++] = at->message_id;
			hand_over(w, &at);
		}
	} while (old_stats(w).state[STATE_RECEIVED] != 0);
	return n;
}
