/*
 * The store and several real processes: the same events at once, processes
 * that are killed at any moment, and one that was stopped and goes on.
 */
#include "store_world.h"


#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { CHILDREN = 4, EVENTS = 60 };

/* Without cmocka, in a child: stores one message of an event. */
static bool
store_one(struct store *s, int64_t message_id, const char *chat,
    struct arrival *a)
{
	struct taking t = { .store = s, .arrival = a, .claims = 1 };
	struct message m = { .chat_id = 1807, .message_id = message_id,
	    .chat = chat, .own_id = "", .body = "b", .body_len = 1 };
	struct problem p = { .err = ERR_OK };
	struct event ev;
	bool ok;

	make_event(&ev, ADD);
	ok = event_keep(&ev, &m) == ERR_OK && event_check(&ev, &p) == ERR_OK;
	t.event = &ev;
	t.channel = (struct place){ .kind = PLACE_CHANNEL,
	    .connector = CONNECTOR, .name = CHANNEL_URL };
	ok = ok && place_of_channel(&t.channel.number, CONNECTOR,
	    CHANNEL_URL) == ERR_OK;
	store_take(&t);
	ok = ok && store_now(s, &t.db, &p) == ERR_OK;
	event_free(&ev);
	return ok;
}

static bool
end_one(struct store *s, const struct arrival *a)
{
	struct moving_one one = { .id = a->id,
	    .chat_number = a->chat_number, .from = STATE_RECEIVED,
	    .move = MOVE_DONE };
	struct moving v = { .store = s, .one = &one, .n = 1 };
	struct problem p = { .err = ERR_OK };

	v.channel = (struct place){ .kind = PLACE_CHANNEL,
	    .connector = CONNECTOR, .name = CHANNEL_URL };
	if (place_of_channel(&v.channel.number, CONNECTOR, CHANNEL_URL) !=
	    ERR_OK)
		return false;
	store_move(&v);
	return store_now(s, &v.db, &p) == ERR_OK && !one.lost;
}

static int
shared_file(const struct store_world *w, const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	CHILD_CHECK(fd >= 0);
	return fd;
}

/* Writes down which messages were fresh for it. */
static void
store_all(struct store_world *w, struct store *s, int number)
{
	int fd = shared_file(w, "fresh");

	for (int i = 0; i < EVENTS; i++) {
		unsigned char id = (unsigned char)((i * 7 + number) % EVENTS);
		struct arrival a;

		CHILD_CHECK(store_one(s, id + 1, "same", &a));
		if (a.fresh)
			CHILD_CHECK(write(fd, &id, 1) == 1);
	}
}

static void
test_same_at_once(void **state)
{
	struct store_world *w = *state;
	int seen[EVENTS] = { 0 };
	unsigned char id;
	char path[128];
	pid_t pid[CHILDREN];
	FILE *f;

	for (int i = 0; i < CHILDREN; i++)
		pid[i] = world_fork(w, store_all, i);
	for (int i = 0; i < CHILDREN; i++)
		world_wait(pid[i], 0);
	(void)snprintf(path, sizeof(path), "%s/fresh", w->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fread(&id, 1, 1, f) == 1)
		seen[id]++;
	assert_int_equal(fclose(f), 0);
	for (int i = 0; i < EVENTS; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(world_stats(w, w->store).state[STATE_RECEIVED],
	    EVENTS);
}

/* Works without end, until it is killed; tells what it was promised. */
static void
work_on(struct store_world *w, struct store *s, int number)
{
	int fd = shared_file(w, "stored");

	for (int64_t i = 0;; i++) {
		int64_t id = number * 1000000 + i + 1;
		char chat[16];
		struct arrival a;

		(void)snprintf(chat, sizeof(chat), "c%d", (int)(i % 5));
		CHILD_CHECK(store_one(s, id, chat, &a));
		CHILD_CHECK(write(fd, &id, sizeof(id)) == sizeof(id));
		if (a.claimed && i % 3 == 0)
			CHILD_CHECK(end_one(s, &a));
	}
}

static int64_t
size_of(const struct store_world *w, const char *name)
{
	struct stat st;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

/* Each has stored so many; then all are killed wherever they are. */
static void
kill_some(struct store_world *w, int round)
{
	static const struct timespec pause = { 0, 2000000 };
	int64_t enough = size_of(w, "stored") + (20 + 13 * round) * 8;
	time_t until = time(NULL) + 60;
	pid_t pid[CHILDREN];
	int status;

	for (int i = 0; i < CHILDREN; i++)
		pid[i] = world_fork(w, work_on, round * CHILDREN + i);
	while (size_of(w, "stored") < enough) {
		assert_true(time(NULL) < until);
		(void)nanosleep(&pause, NULL);
	}
	for (int i = 0; i < CHILDREN; i++) {
		assert_int_equal(kill(pid[i], SIGKILL), 0);
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFSIGNALED(status));
	}
}

static void
test_killed(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();
	struct stats s;
	int64_t told = 0, id;
	char path[128];
	FILE *f;

	for (int round = 0; round < 4; round++)
		kill_some(w, round);
	/* what had been promised is there */
	(void)snprintf(path, sizeof(path), "%s/stored", w->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fread(&id, sizeof(id), 1, f) == 1) {
		char chat[16];

		(void)snprintf(chat, sizeof(chat), "c%d",
		    (int)((id % 1000000 - 1) % 5));
		assert_false(TAKE(w, w->store, .message_id = id,
		    .chat = chat).fresh);
		told++;
	}
	assert_int_equal(fclose(f), 0);
	s = world_stats(w, w->store);
	assert_true(s.state[STATE_RECEIVED] + s.state[STATE_ACKNOWLEDGED] >=
	    told);
	/* and whatever was being worked on goes on */
	(void)world_look_all(w, w->store);
	for (struct taken t = world_take_up(w, w->store, &at, 50); t.n != 0;
	    t = world_take_up(w, w->store, &at, 50))
		for (size_t i = 0; i < t.n; i++)
			for (struct known_message m = t.m[i]; m.id != 0; )
				m = MOVE(w, w->store, .id = m.id,
				    .chat = m.chat, .from = STATE_RECEIVED,
				    .move = MOVE_DONE).next;
	assert_int_equal(world_stats(w, w->store).state[STATE_RECEIVED], 0);
}

/* A look of another's a second, for so long. */
static void
others_look(struct store_world *w, struct store *s, int seconds)
{
	for (int i = 0; i < seconds; i++) {
		world_pass(w, 1000);
		(void)world_peek(w, s);
		(void)world_look_all(w, s);
	}
}

/* One that was stopped has lost its claims when it goes on. */
static void
test_stopped(void **state)
{
	struct store_world *w = *state;
	struct store *stopped = world_store(w);
	struct place at = channel_place();
	struct arrival a = TAKE(w, stopped, .message_id = 1),
	    b = TAKE(w, stopped, .message_id = 2);
	struct moved out;

	assert_true(a.claimed);
	others_look(w, w->store, 20);
	assert_int_equal(world_take_up(w, w->store, &at, 5).n, 0);
	others_look(w, w->store, 20);
	assert_int_equal(world_take_up(w, w->store, &at, 5).m[0].id, a.id);
	out = MOVE(w, stopped, .id = a.id, .chat = a.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_DELIVERED);
	assert_true(out.lost);
	assert_int_equal(out.next.id, 0);
	out = MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_DELIVERED);
	assert_false(out.lost);
	assert_int_equal(out.next.id, b.id);
	/* it may work on as anybody */
	assert_true(TAKE(w, stopped, .message_id = 3,
	    .chat = "other").claimed);
	world_dies(w, &stopped);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_same_at_once),
		WORLD_TEST(test_killed),
		WORLD_TEST(test_stopped),
	};

	return cmocka_run_group_tests_name("store/process", tests, NULL,
	    NULL);
}
