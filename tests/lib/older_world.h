#ifndef OLDER_WORLD_H
#define OLDER_WORLD_H

#include "store/admin.h"
#include "store/moves.h"
#include "store/place.h"
#include "store/take.h"

#include "older_file.h"
#include "unit.h"

/*
 * A store of the version before in a folder of its own, a store handle of
 * this version at it, and a clock that the test owns.  A test's state is a
 * struct older_world.
 */
#define NOW ((int64_t)1773759162000)
#define MONO ((int64_t)5000000)
#define PROCESS 4711		/* an older one */
#define LEASE (MONO + 60000)

struct older_world {
	char dir[64], path[96], url[112];
	int64_t now_ms, mono_ms;
	struct clock clock;
	struct store_opts opts;
	struct store *store;
	sqlite3 *old;
	int lives;		/* the older process; -1: it does not */
	struct problem problem;
};

int older_world_begin(void **state);
int older_world_end(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, older_world_begin, \
	older_world_end)

/* Another process of this version. */
struct store *old_store(struct older_world *);
/* The older process lives from now on, until now. */
void old_older_begins(struct older_world *);
void old_older_ends(struct older_world *);

/* One look; whether it wants to be followed.  All of them; how many. */
bool old_look(struct older_world *, struct store *);
int old_look_all(struct older_world *);
bool old_is_due(struct older_world *, struct store *);

/* The schema of the file, and how many of the old tables it has. */
int64_t old_version(struct older_world *);
int64_t old_old_tables(struct older_world *);

/* What the store tells of one message. */
struct told {
	int n;
	int64_t id, tries, next_ms, message_id;
	enum state state;
	enum step step;
	char reason[64], ids[64], chat[64], body[64];
};
struct told old_see(struct older_world *, const char *key);
struct stats old_stats(struct older_world *);

/* An event of one message comes. */
struct arrival old_take_text(struct older_world *, const char *name,
    int64_t message_id, const char *chat, const char *text);
struct arrival old_take(struct older_world *, int64_t message_id,
    const char *chat);
enum state old_watch(struct older_world *, int64_t id);

/* Takes up what waits at a place; the message_ids. */
int64_t old_channel_number(const char *url);
size_t old_take_up(struct older_world *, int64_t place, enum place_kind,
    int64_t *message_id, size_t max);
/* Hands over all that waits, with looks in between, in that order. */
size_t old_hand_over_all(struct older_world *, int64_t *message_id,
    size_t max);

#endif
