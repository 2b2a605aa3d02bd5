#ifndef RELAY_WORLD_H
#define RELAY_WORLD_H

#include "base/loop.h"
#include "base/pool.h"
#include "channel/channel.h"
#include "event/event.h"
#include "portal/env.h"
#include "relay/relay.h"
#include "store/admin.h"
#include "store/portals.h"

#include "loop_peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * A relay with all that it works with: a loop, a store in a folder of its
 * own (its committer is the loop), and one server that is the channel, the
 * portal and the OAuth server, all in one thread.  Time goes on by itself
 * and jumps when a test wants it to.  A test's state is a relay_world.
 */
struct relay_world;

#define RW_MEMBER "bac1cd5c8940947a75e0d71b1a84e348"
#define RW_OWN "own-token"		/* an event's, unless told otherwise */
#define RW_STORED "stored-token"	/* an installed portal's, */
#define RW_REFRESH "refresh-token"	/* and what is traded for "new-1", */
					/* "new-2", ... */

/* Where a call goes. */
enum rw_route { RW_HOOK, RW_REST, RW_OAUTH, RW__ROUTES };

/* An answer.  RW_HOLD: none until rw_release(); RW_DROP: the line is cut. */
enum { RW_HOLD = -1, RW_DROP = -2 };
struct rw_act {
	int status;
	const char *body;	/* NULL: what usually is said */
	const char *more;	/* header lines, or NULL */
};

/* An answer of Bitrix24 that names an error; it echoes a token, too. */
#define RW_ERROR(code, word) { .status = (code), .body = "{\"error\":\"" \
	word "\",\"error_description\":\"" RW_OWN "\"}" }

/* A call as it came in. */
#define RW_TOKEN_MAX 80
struct rw_call {
	enum rw_route route;
	struct heard *heard;
	char token[RW_TOKEN_MAX];	/* REST: auth; OAuth: what is traded; */
					/* hook: the key */
	size_t messages;		/* REST: told by it */
	int64_t at_ms;
};

/* Somebody who waits for the answer to an event. */
struct rw_sent {
	struct sender sender;
	struct relay_world *world;
	struct event event;
	int answered, refused, gone;	/* how often */
	struct outcome outcome;
	char result[32];
	struct problem problem;
	TAILQ_ENTRY(rw_sent) link;
};

/* An event; zeros are replaced by something good. */
struct rw_event {
	const char *name, *member, *connector, *chat, *token, *endpoint;
	int64_t line;
	int64_t first;		/* message_id of the first; else counted on */
	size_t n;		/* messages */
	bool chats;		/* each in a chat of its own */
	bool no_token;
	bool same;		/* all are the same message */
	const char *app_token;
	int64_t answer_ms;	/* else server.answer_within */
	/* of an installation */
	const char *refresh, *server;
	int64_t ts;
};

#define RW_CALLS 8192
#define RW_ACTS 16
struct relay_world {
	char dir[64];
	char url[112];		/* of the store */
	char rest[64], home[64], hook[64], oauth[64];	/* URLs */
	struct config *config;
	struct clock clock;
	int64_t skipped_ms, slow_ms;
	struct loop *loop;
	struct loop_peer peer;
	struct store *store;
	struct http_client *http;
	struct pool *disk;
	struct channel_env channel_env;
	struct channels *channels;
	struct env env;
	struct relay *relay;
	struct problem problem;
	/* what came */
	struct rw_call call[RW_CALLS];
	size_t calls;
	size_t count[RW__ROUTES];	/* of these on each route */
	size_t most[RW__ROUTES];	/* at one time */
	/* what is said */
	struct rw_act act[RW__ROUTES][RW_ACTS];
	size_t acts[RW__ROUTES], said[RW__ROUTES];
	int64_t pairs;			/* of tokens that were given out */
	char pair[1024];
	int64_t last_id;
	void *locker;			/* of the store's file */
	TAILQ_HEAD(, rw_sent) sents;
};

/* With further lines of a configuration; %hook%, %rest% and %oauth% stand for
 * the server's URLs. */
int rw_begin_with(void **state, const char *more);
int rw_begin(void **state);
int rw_end(void **state);
#define RW_TEST(f) cmocka_unit_test_setup_teardown(f, rw_begin, rw_end)

/* Another store handle on the same file, as another process has it. */
struct store *rw_other_store(struct relay_world *);
/* Runs a work on one of the two, which must succeed. */
void rw_must(struct store *, struct db_work *);

/* The portal is installed, with RW_STORED and RW_REFRESH. */
void rw_install(struct relay_world *);
/* The same for others, and with other tokens. */
void rw_install_as(struct relay_world *, const char *member,
    const char *endpoint, const char *access, const char *refresh);

/* What is answered from now on, one after the other; the last goes on. */
void rw_script(struct relay_world *, enum rw_route, const struct rw_act *,
    size_t n);
#define RW_SAY(w, route, ...) rw_script((w), (route), \
	(const struct rw_act[]){ __VA_ARGS__ }, \
	sizeof((const struct rw_act[]){ __VA_ARGS__ }) / sizeof(struct rw_act))
/* Answers the oldest held call of a route; all of them.  NULL: as usual. */
bool rw_release(struct relay_world *, enum rw_route, const struct rw_act *);
void rw_release_all(struct relay_world *, enum rw_route);
size_t rw_open(const struct relay_world *, enum rw_route);
/* The n-th call of a route, from 0. */
const struct rw_call *rw_call_at(const struct relay_world *, enum rw_route,
    size_t n);
/* Tokens (or keys) of all calls of a route: "a b c". */
const char *rw_tokens(const struct relay_world *, enum rw_route);

struct rw_sent *rw_post(struct relay_world *, const struct rw_event *);
#define RW_POST(w, ...) rw_post((w), &(const struct rw_event){ __VA_ARGS__ })

/* Time jumps. */
void rw_skip(struct relay_world *, int64_t ms);
/* From here on time passes a hundred times slower, or jumps. */
void rw_slow_clock(struct relay_world *);
/* A few turns: time for what must not happen. */
void rw_settle(struct relay_world *);
/* Turns until nothing is on its way, or for a minute: then it fails. */
void rw_idle(struct relay_world *);
/* One turn of a wait; ends the test when that goes on for a minute. */
void rw_turn(struct relay_world *, const struct deadline *);
#define RW_UNTIL(w, condition) do { \
	struct deadline rw_until = deadline_in(&clock_system, 60000); \
	while (!(condition)) \
		rw_turn((w), &rw_until); \
} while (0)

/* A message in the store, found by its number. */
struct rw_seen {
	bool found;
	enum state state;
	enum step step;
	enum hold hold;
	int64_t tries;
	bool timed;		/* it is tried again at a time of its own: */
	int64_t next_ms;	/* from now */
	char reason[300], ids[128];
};
struct rw_seen rw_see(struct relay_world *, int64_t message_id);
/* How a message that the channel took has ended. */
enum rw_end { RW_TOLD, RW_LATER, RW_PARKED, RW_HELD, RW_REFUSED };
enum rw_end rw_end_of(struct relay_world *, int64_t message_id);
/* How many are in that state. */
int64_t rw_count(struct relay_world *, enum state);

/* Keeps the store's file from being written, until the next call. */
void rw_lock_store(struct relay_world *, bool lock);

/* Of relay_stage.c: the server's part. */
void rw_stage_begin(struct relay_world *);

#endif
