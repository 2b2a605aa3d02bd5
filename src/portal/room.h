#ifndef PORTAL_ROOM_H
#define PORTAL_ROOM_H

#include "base/arena.h"
#include "base/table.h"
#include "portal/env.h"
#include "portal/oauth.h"
#include "store/place.h"
#include "store/room.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * A portal as this process sees it: the one room through which every REST
 * call goes.  It holds slots and credit for calls (store/room.h) and lets
 * those who want to call in one by one, in turn.  Made when first needed,
 * gone when nobody uses it.
 */
struct room;
struct rooms;

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

enum err rooms_new(struct rooms **, const struct env *);
void rooms_free(struct rooms *);	/* NULL is fine */
const struct env *rooms_env(const struct rooms *);
/* Rooms that call, ask, or have something written. */
size_t rooms_busy(const struct rooms *);
struct oauth_calls *rooms_oauth(struct rooms *);

/*
 * The room of a portal; room_leave() must follow.  NULL: no memory.
 */
struct room *room_enter(struct rooms *, const char *member_id);
void room_leave(struct room *);

const char *room_member(const struct room *);
struct rooms *room_all(const struct room *);

/* Lists somebody who wants to call, once; and takes him off the list. */
void room_want(struct room *, struct room_want *);
void room_unwant(struct room *, struct room_want *);
void room_unused(struct room *);

/* Somebody will want to call soon: the room keeps its slots, unless others
 * ask for them.  Ends with room_release(). */
void room_hold(struct room *);
void room_release(struct room *);

/*
 * What is to be asked for along with a delivered message, or NULL if nothing
 * is, or somebody asks already.  With room_asked() it comes back, whether
 * the work was done or not.
 */
struct room_ask *room_lend(struct room *);
void room_asked(struct room *, bool done);
bool room_has_slot(const struct room *);
/* Others have all slots, as the store has just said. */
bool room_lacks_slot(const struct room *);

/* How it stands: down, or parked for the want of tokens. */
bool room_is_down(const struct room *);
bool room_is_parked(const struct room *);
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
int64_t room_reset_ms(const struct room *);

/* What is known of its installation; texts live until the next turn. */
const struct portal *room_portal(const struct room *);	/* NULL: none */
void room_set_portal(struct room *, const struct portal *);

/*
 * How others of this process learn that slots are held elsewhere, that the
 * portal went down, or that it is up or unparked.  Set once.
 */
enum room_news { ROOM_NO_SLOT, ROOM_DOWN, ROOM_UP };
void rooms_on_news(struct rooms *, void (*news)(void *ctx, struct room *,
    enum room_news), void *ctx);

/* Private to portal/: a call of the room begins and ends; refreshes. */
struct token_search;
TAILQ_HEAD(token_searches, token_search);
struct http_peer *room_peer(struct room *);
struct token_searches *room_searches(struct room *);
void room_extra_call(struct room *);	/* a further one of a ladder */
void room_call_ended(struct room *);

#endif
