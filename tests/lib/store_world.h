#ifndef STORE_WORLD_H
#define STORE_WORLD_H

#include "store/admin.h"
#include "store/moves.h"
#include "store/place.h"
#include "store/take.h"

#include "event_make.h"
#include "unit.h"

#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * A store in a folder of its own and a clock that the test owns.  A handle
 * stands for a process: it has a number and a lock of its own, and one that
 * is closed with claims has died with them.  All that is asked of the store
 * is asked through its own functions, by store_now().  A test's state is a
 * struct store_world.
 */
struct store_world {
	char dir[64];
	char path[96];
	char url[112];
	struct clock clock;
	int64_t now_ms;			/* Unix time */
	int64_t mono_ms;
	struct store_opts opts;		/* what world_store() opens one with */
	struct store *store;
	struct problem problem;		/* of what was asked last */
};

#define WORLD_START_MS ((int64_t)1773759162000)
#define LONGEST_MS ((int64_t)600000)
#define GIVE_UP_MS ((int64_t)86400000)
#define KEEP_MS ((int64_t)7 * 86400000)
#define PROBE_MS ((int64_t)95000)	/* how long a probe may take */
#define CHANNEL_URL "https://channel.example.org/hook"

int world_begin(void **state);
int world_end(void **state);
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)

/* Another process; NULL in *s afterwards: it has died. */
struct store *world_store(struct store_world *);
void world_dies(struct store_world *, struct store **s);
void world_pass(struct store_world *, int64_t ms);

/* The places that the tests use. */
struct place channel_place(void);
struct place tell_place(int64_t line);
struct place parked_place(int64_t line);

/* Runs a work, which must succeed. */
void world_must(struct store_world *, struct store *, struct db_work *);

/* A message as a test knows it. */
struct known_message {
	int64_t id, chat;
	enum state state;
};

/* What is stored; zeros have the defaults of make_event(). */
struct arriving {
	const char *name;
	const char *chat;
	const char *body;
	const char *connector;
	const char *member_id;
	const char *line;
	int64_t message_id;
	size_t claims;		/* 0: one */
	bool unclaimed;		/* none at all */
};
struct arrival world_take(struct store_world *, struct store *,
    const struct arriving *);
#define TAKE(w, s, ...) world_take((w), (s), \
	&(const struct arriving){ __VA_ARGS__ })
enum err world_take_event(struct store_world *, struct store *,
    struct event *, struct taking *);

/* A move of one message; what is not set here is made from `move`. */
struct moving_spec {
	int64_t id, chat;
	enum state from;
	enum move move;
	int64_t next_ms;	/* with _LATER */
	const char *text;
	bool tried, no_claim;	/* no_claim: the chat's next is made ready */
	bool leave;		/* with _DELIVERED: it waits to be told */
	bool parked;		/* it waits for a token */
	struct room_ask *ask;
	struct room_note *note;
	bool has_slot;
	int64_t line;		/* 0: 107 */
};
struct moved {
	enum err err;
	bool lost, gave_up, left_waiting, more;
	struct known_message next;	/* id 0: none */
};
struct moved world_try_move(struct store_world *, struct store *,
    const struct moving_spec *);
struct moved world_move(struct store_world *, struct store *,
    const struct moving_spec *);
#define MOVE(w, s, ...) world_move((w), (s), \
	&(const struct moving_spec){ __VA_ARGS__ })

/* Up to TAKEN_MAX of what waits at a place. */
#define TAKEN_MAX 512
struct taken {
	struct known_message m[TAKEN_MAX];
	bool alone[TAKEN_MAX];
	int64_t tries[TAKEN_MAX];
	size_t n;
	bool empty;
};
struct taken world_take_up(struct store_world *, struct store *,
    const struct place *, size_t max);
/* The ids of these as "1 2 3"; it lives until the next call. */
const char *taken_ids(const struct taken *);

struct looked {
	struct {
		enum place_kind kind;
		int64_t number, line;
		char connector[64];
		bool probe;
	} place[128];
	size_t n;
	int64_t next_ms;
	bool more;
};
struct looked world_look(struct store_world *, struct store *);
/* Looks until nothing is left to be looked at at once. */
struct looked world_look_all(struct store_world *, struct store *);
struct peeking world_peek(struct store_world *, struct store *);

/* A destination is down or up; gives the wait until its probe. */
struct place_change world_place(struct store_world *, struct store *,
    const struct place *, bool down);

enum state world_state(struct store_world *, struct store *, int64_t id);
struct stats world_stats(struct store_world *, struct store *);

/* What store_each() tells of one message, copied.  n: how many it told. */
struct seen_message {
	size_t n;
	int64_t id, message_id, tries, next_ms, received_us, changed_ms;
	enum state state;
	enum step step;
	enum hold hold;
	char key[KEY_MAX], reason[300], ids[64], body[64], chat[64];
	bool erased;
};
struct seen_message world_see(struct store_world *, struct store *,
    const char *key);

/* A process that is forked: it has a store of its own, and ends without
 * closing it.  It must not use cmocka's assertions. */
pid_t world_fork(struct store_world *, void (*run)(struct store_world *,
    struct store *, int), int number);
void world_wait(pid_t, int status);
#define CHILD_CHECK(x) do { \
	if (!(x)) { \
		(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
		_exit(99); \
	} \
} while (0)

#endif
