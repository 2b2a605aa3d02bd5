/*
 * A store on a temporary file, with a clock that the test owns.
 *
 * Called by unit tests of the store.  Owns the folder.  What must not fail
 * ends the test.
 */
#include "store_world.h"

#include "child.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t
wall(void *ctx)
{
	return ((const struct store_world *)ctx)->now_ms;
}

static int64_t
mono(void *ctx)
{
	return ((const struct store_world *)ctx)->mono_ms;
}

void
world_pass(struct store_world *w, int64_t ms)
{
	w->now_ms += ms;
	w->mono_ms += ms;
}

struct store *
world_store(struct store_world *w)
{
	struct store *s = NULL;

	w->opts.db.url = w->url;
	w->opts.db.clock = &w->clock;
	assert_int_equal(store_open(&s, &w->opts, &w->problem), ERR_OK);
	return s;
}

void
world_dies(struct store_world *w, struct store **s)
{
	(void)w;
	assert_true(store_close(*s, 0));
	*s = NULL;
}

int
world_begin(void **state)
{
	struct store_world *w = calloc(1, sizeof(*w));

	*state = w;
	if (w == NULL)
		return -1;
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/imconnector-store-XXXXXX");
	if (mkdtemp(w->dir) == NULL)
		return -1;
	(void)snprintf(w->path, sizeof(w->path), "%s/queue.db", w->dir);
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s", w->path);
	w->now_ms = WORLD_START_MS;
	w->mono_ms = 5000000;
	w->clock = (struct clock){ wall, mono, w };
	w->opts = (struct store_opts){ .db = { .create = true,
	    .busy_ms = 20000 }, .keep_ms = KEEP_MS,
	    .longest_ms = LONGEST_MS, .give_up_ms = GIVE_UP_MS, .burst = 50,
	    .rate = 2, .slots = 2 };
	w->store = world_store(w);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
world_end(void **state)
{
	struct store_world *w = *state;

	(void)store_close(w->store, 0);
	(void)nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

struct place
channel_place(void)
{
	struct place p = { .kind = PLACE_CHANNEL, .connector = CONNECTOR,
	    .name = CHANNEL_URL };

	assert_int_equal(place_of_channel(&p.number, CONNECTOR, CHANNEL_URL),
	    ERR_OK);
	return p;
}

struct place
tell_place(int64_t line)
{
	struct place p = { .kind = PLACE_TELL, .member_id = MEMBER,
	    .connector = CONNECTOR, .line = line, .name = MEMBER };

	assert_int_equal(place_of_tell(&p.number, MEMBER, CONNECTOR, line),
	    ERR_OK);
	return p;
}

struct place
parked_place(int64_t line)
{
	struct place p = tell_place(line);

	p.kind = PLACE_PARKED;
	assert_int_equal(place_of_parked(&p.number, MEMBER, CONNECTOR, line),
	    ERR_OK);
	return p;
}

void
world_must(struct store_world *w, struct store *s, struct db_work *work)
{
	w->problem = (struct problem){ .err = ERR_OK };
	(void)store_now(s, work, &w->problem);
	assert_string_equal(w->problem.text, "");
	assert_int_equal(work->end, ERR_OK);
}

enum err
world_take_event(struct store_world *w, struct store *s, struct event *ev,
    struct taking *t)
{
	t->store = s;
	t->event = ev;
	if (t->channel.number == 0)
		t->channel = channel_place();
	store_take(t);
	w->problem = (struct problem){ .err = ERR_OK };
	return store_now(s, &t->db, &w->problem);
}

struct arrival
world_take(struct store_world *w, struct store *s, const struct arriving *a)
{
	struct message m = make_message(a->message_id, a->body != NULL ?
	    a->body : "b");
	struct arrival out = { .id = 0 };
	struct taking t = { .arrival = &out, .claims = a->unclaimed ? 0 :
	    a->claims != 0 ? a->claims : 1 };
	struct event ev;

	make_event(&ev, a->name != NULL ? a->name : ADD);
	if (a->connector != NULL)
		ev.connector = own(&ev, a->connector);
	if (a->member_id != NULL)
		ev.member_id = own(&ev, a->member_id);
	if (a->line != NULL)
		ev.line_text = own(&ev, a->line);
	if (a->chat != NULL)
		m.chat = a->chat;
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	t.channel = channel_place();
	if (a->connector != NULL) {
		t.channel.connector = a->connector;
		assert_int_equal(place_of_channel(&t.channel.number,
		    a->connector, CHANNEL_URL), ERR_OK);
	}
	assert_int_equal(world_take_event(w, s, &ev, &t), ERR_OK);
	event_free(&ev);
	return out;
}

static struct moving_one
one_of(const struct moving_spec *m)
{
	bool tell = m->from == STATE_DELIVERED;
	int64_t line = m->line != 0 ? m->line : 107;

	return (struct moving_one){
		.id = m->id,
		.chat_number = m->chat,
		.from = m->from,
		.move = m->move,
		.step = tell ? STEP_STATUS : STEP_HAND_OVER,
		.text = m->text != NULL || m->move == MOVE_READY ? m->text :
		    m->move == MOVE_DELIVERED ? "[\"x\"]" : "why",
		.next_ms = m->next_ms,
		.tried = m->tried,
		.place = m->parked ? parked_place(line) : tell ?
		    tell_place(line) : channel_place(),
	};
}

struct moved
world_try_move(struct store_world *w, struct store *s,
    const struct moving_spec *m)
{
	struct moving_one one = one_of(m);
	struct moving v = { .store = s, .one = &one, .n = 1,
	    .claim_next = !m->no_claim, .channel = channel_place(),
	    .ask = m->ask, .note = m->note, .has_slot = m->has_slot,
	    .leave = m->leave, .tell = tell_place(m->line != 0 ? m->line :
	    107) };
	struct moved out = { .err = ERR_OK };

	store_move(&v);
	w->problem = (struct problem){ .err = ERR_OK };
	out.err = store_now(s, &v.db, &w->problem);
	out.lost = one.lost;
	out.gave_up = one.gave_up;
	out.left_waiting = v.left_waiting;
	out.more = v.more;
	if (out.err == ERR_OK && v.next != NULL)
		out.next = (struct known_message){ v.next->id,
		    v.next->chat_number, v.next->state };
	free(v.next);
	return out;
}

struct moved
world_move(struct store_world *w, struct store *s,
    const struct moving_spec *m)
{
	struct moved out = world_try_move(w, s, m);

	assert_string_equal(w->problem.text, "");
	assert_int_equal(out.err, ERR_OK);
	return out;
}

struct taken
world_take_up(struct store_world *w, struct store *s, const struct place *at,
    size_t max)
{
	struct taking_up t = { .store = s, .place = at->number,
	    .kind = at->kind, .max = max };
	struct taken out = { .n = 0 };

	assert_true(max <= TAKEN_MAX);
	store_take_up(&t);
	world_must(w, s, &t.db);
	assert_true(t.n <= max);
	for (; out.n < t.n; out.n++) {
		struct work *k = t.work[out.n];

		out.m[out.n] = (struct known_message){ k->id, k->chat_number,
		    k->state };
		out.alone[out.n] = k->alone;
		out.tries[out.n] = k->tries;
		free(k);
	}
	free(t.work);
	out.empty = t.empty;
	return out;
}

const char *
taken_ids(const struct taken *t)
{
	static char text[TAKEN_MAX * 8];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < t->n && at < sizeof(text) - 24; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%lld",
		    i != 0 ? " " : "", (long long)t->m[i].id);
	return text;
}

struct looked
world_look(struct store_world *w, struct store *s)
{
	struct looking l = { .store = s, .max = 128, .probe_ms = PROBE_MS };
	struct looked out = { .n = 0 };

	store_look(&l);
	world_must(w, s, &l.db);
	for (; out.n < l.n; out.n++) {
		const struct look_place *p = &l.place[out.n];

		out.place[out.n].kind = p->kind;
		out.place[out.n].number = p->number;
		out.place[out.n].line = p->line;
		out.place[out.n].probe = p->probe;
		(void)snprintf(out.place[out.n].connector,
		    sizeof(out.place[out.n].connector), "%s", p->connector);
		assert_true((p->member_id == NULL) == (p->kind ==
		    PLACE_CHANNEL));
	}
	out.next_ms = l.next_ms;
	out.more = l.more;
	store_look_free(&l);
	return out;
}

struct looked
world_look_all(struct store_world *w, struct store *s)
{
	struct looked all = { .n = 0 }, l;
	int rounds = 0;

	do {
		l = world_look(w, s);
		for (size_t i = 0; i < l.n && all.n < 128; i++)
			all.place[all.n++] = l.place[i];
		all.next_ms = l.next_ms;
		assert_true(++rounds < 10000);
	} while (l.more);
	return all;
}

struct peeking
world_peek(struct store_world *w, struct store *s)
{
	struct peeking p = { .store = s, .probe_ms = PROBE_MS };

	store_peek(&p);
	world_must(w, s, &p.db);
	return p;
}

struct place_change
world_place(struct store_world *w, struct store *s, const struct place *at,
    bool down)
{
	struct place_change c = { .store = s, .place = *at, .down = down,
	    .first_ms = 2000, .longest_ms = LONGEST_MS, .reason = "no answer" };

	store_place_change(&c);
	world_must(w, s, &c.db);
	return c;
}

enum state
world_state(struct store_world *w, struct store *s, int64_t id)
{
	enum state state = 0;
	struct watching v = { .store = s, .id = &id, .n = 1,
	    .state = &state };

	store_watch(&v);
	world_must(w, s, &v.db);
	return state;
}

struct stats
world_stats(struct store_world *w, struct store *s)
{
	struct stats st;

	assert_int_equal(store_stats(s, &st, &w->problem), ERR_OK);
	return st;
}

static bool
see(void *ctx, const struct stored *m)
{
	struct seen_message *seen = ctx;
	size_t n = seen->n + 1;

	*seen = (struct seen_message){ .n = n, .id = m->id,
	    .message_id = m->message_id, .tries = m->tries,
	    .next_ms = m->next_ms, .received_us = m->received_us,
	    .changed_ms = m->changed_ms, .state = m->state, .step = m->step,
	    .hold = m->hold, .erased = m->body == NULL };
	(void)snprintf(seen->key, sizeof(seen->key), "%s", m->key);
	(void)snprintf(seen->reason, sizeof(seen->reason), "%s", m->reason);
	(void)snprintf(seen->ids, sizeof(seen->ids), "%s", m->ids);
	(void)snprintf(seen->body, sizeof(seen->body), "%s", m->body != NULL ?
	    m->body : "");
	(void)snprintf(seen->chat, sizeof(seen->chat), "%s", m->chat);
	return true;
}

struct seen_message
world_see(struct store_world *w, struct store *s, const char *key)
{
	const struct filter f = { .key = key };
	struct seen_message m = { .n = 0 };

	assert_int_equal(store_each(s, &f, see, &m, &w->problem), ERR_OK);
	assert_true(m.n <= 1);
	return m;
}

pid_t
world_fork(struct store_world *w, void (*run)(struct store_world *,
    struct store *, int), int number)
{
	pid_t pid = fork();
	struct store *s = NULL;

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	CHILD_CHECK(store_open(&s, &w->opts, &w->problem) == ERR_OK);
	run(w, s, number);
	child_leaves(0);
}

void
world_wait(pid_t pid, int status)
{
	int got = 0;

	assert_int_equal(waitpid(pid, &got, 0), pid);
	assert_true(WIFEXITED(got));
	assert_int_equal(WEXITSTATUS(got), status);
}
