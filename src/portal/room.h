#ifndef PORTAL_ROOM_H
#define PORTAL_ROOM_H

#include "portal/newest.h"
#include "portal/oauth.h"
#include "portal/outage.h"
#include "store/room.h"

/*
 * A portal as this process sees it: the one room through which every REST
 * call goes.  It holds slots and credit for calls (store/room.h) and lets
 * those who want to call in one by one, in turn.  Made when first needed,
 * gone when nobody uses it.
 */
struct room;

/* Somebody who wants to call.  Starts as zeros, with the first two set. */
struct room_want {
	/*
	 * May make one call now, by rest_start(); or gives the permission
	 * back at once by room_unused().  Called in the loop.
	 */
	void (*go)(struct room_want *);
	struct room *room;
	bool probe;		/* may go where the portal is down */
	bool listed;		/* the room's own */
	TAILQ_ENTRY(room_want) link;
};

struct token_search;
TAILQ_HEAD(token_searches, token_search);

/*
 * How others of this process learn that slots are held elsewhere, that the
 * portal went down, or that it is up or unparked.
 */
enum room_news { ROOM_NO_SLOT, ROOM_DOWN, ROOM_UP };

struct rooms {
	const struct env *env;
	struct table table;
	struct oauth_calls oauth;
	struct newest newest;
	struct known *known;	/* how some thousand portals did as peers */
	void (*news)(void *ctx, struct room *, enum room_news);	/* or NULL */
	void *ctx;
};

/* Others than room*.c and rooms.c only look at it, but for `holders`. */
struct room {
	struct table_node node;
	struct rooms *all;
	char *member_id;
	size_t users;
	size_t holders;		/* who will want to call soon: it keeps its */
				/* slots, unless others ask for them */
	struct http_peer peer;
	TAILQ_HEAD(, room_want) wants;
	struct token_searches searches;
	/* what it holds, and what is on its way */
	int64_t slots, calls;
	int64_t made;		/* calls since it got a slot */
	int64_t credits, credit_until;
	int64_t ask_at;		/* not asked before this, */
	int64_t slot_at;	/* and for a slot not before this; */
	int64_t slot_ms;	/* how long the next wait for one is */
	int64_t idle_at;	/* since when nobody calls; 0: somebody does */
	bool others_wait;
	bool asking;
	int64_t asked_ms;
	struct room_ask ask;
	struct asking work;
	/* how it stands */
	struct outage outage;
	bool parked;		/* for the want of tokens */
	int64_t reset_ms;
	const struct portal *portal;	/* what is installed; NULL: nothing; */
					/* texts live until the next turn */
	struct portal stored;
	struct arena arena;	/* of it */
	/* what is to be written, and what is being written */
	struct room_note due;	/* parked: in the next */
	bool noting;
	char parked_why[PROBLEM_TEXT_MAX], note_why[PROBLEM_TEXT_MAX];
	struct noting_room note_work;
	struct task pump;
	struct timer timer;
};

enum err rooms_new(struct rooms **, const struct env *);
void rooms_free(struct rooms *);	/* NULL is fine */
/* Rooms that call, ask, or have something written. */
size_t rooms_busy(const struct rooms *);

/*
 * The room of a portal; room_leave() must follow.  NULL: no memory.
 */
struct room *room_enter(struct rooms *, const char *member_id);
void room_leave(struct room *);

/* Lists somebody who wants to call, once; and takes him off the list. */
void room_want(struct room *, struct room_want *);
void room_unwant(struct room *, struct room_want *);
void room_unused(struct room *);
/* A call that was let in has ended. */
void room_call_ended(struct room *);

/* One of its holders holds it no more. */
void room_release(struct room *);

/*
 * What is to be asked for along with a delivered message, or NULL if nothing
 * is, or somebody asks already.  With room_asked() it comes back, whether
 * the work was done or not.
 */
struct room_ask *room_lend(struct room *);
void room_asked(struct room *, bool done);
/* Others have all slots, as the store has just said. */
bool room_lacks_slot(const struct room *);

/* A call timed out or could not connect, or the portal was reached. */
void room_was(struct room *, bool down, bool probe, const char *reason);
void room_set_parked(struct room *, const char *reason);
/* A look says that it is down, or that it is not. */
void room_seen(struct room *, bool down);

/* An event's own token that worked, for others of the portal; NULL: none.
 * It lives until the next turn at least. */
const char *room_token(const struct room *);
void room_set_token(struct room *, const char *);

/* What an answer said of its limits.  reset_ms 0: nothing. */
void room_limits(struct room *, int64_t reset_ms, bool full);

/* What is known of its installation now; NULL: it is not installed. */
void room_set_portal(struct room *, const struct portal *);

/* ---- for room*.c and rooms.c only */

#define ASK_MIN_MS 4		/* first look again for a slot; then twice */

/* Lets in who may call. */
void room_pump(struct task *);
/* Writes down what is due, with the next commit. */
void room_note_soon(struct room *);
/* What it knows of the outage is written. */
void room_outage_written(struct outage *);

#endif
