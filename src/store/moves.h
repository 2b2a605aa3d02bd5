#ifndef STORE_MOVES_H
#define STORE_MOVES_H

#include "store/place.h"
#include "store/room.h"
#include "store/work.h"

/*
 * The moves of messages that this process has claimed; docs/INTERNALS and
 * moves.c have the table of those that are legal.
 */
enum move {
	MOVE_DELIVERED,		/* the channel took it: `text` is the ids */
	MOVE_DONE,		/* the same for one that wants no status */
	MOVE_TOLD,		/* Bitrix24 was told */
	MOVE_REFUSED,		/* a step said no for good: `text` says why */
	MOVE_LATER,		/* tried again at next_ms */
	MOVE_READY,		/* not now: it waits at its place, unclaimed */
	MOVE_ALONE		/* waits at its place for a call of its own */
};

/* One message on its way. */
struct moving_one {
	int64_t id, chat_number;
	enum state from;
	enum move move;
	enum step step;		/* with _REFUSED */
	const char *text;
	int64_t next_ms;	/* with _LATER */
	bool tried;		/* it was an attempt of its own: it counts */
	struct place place;	/* where it waits, with _READY, _ALONE */
	/* out */
	bool lost;		/* the claim was lost: nothing was changed */
	bool gave_up;		/* it was tried for too long: refused */
};

/*
 * Messages move together.  If the first is a received one that leaves its
 * chat (delivered, done, refused), the chat's next is claimed in the same
 * transaction, or made ready if `claim_next` is false.
 */
struct moving {
	struct db_work db;
	struct store *store;
	struct moving_one *one;
	size_t n;
	bool claim_next;
	struct place channel;	/* where the next one of the chat belongs */
	struct room_ask *ask;	/* with _DELIVERED: for the status; or NULL */
	/*
	 * With `ask`: if no slot is held and none was granted, or the portal
	 * is down, the message waits at this place instead.
	 */
	bool has_slot;
	bool leave;		/* it waits there in any case */
	struct place tell;
	struct room_note *note;	/* or NULL */
	/* out */
	int64_t now_ms;
	struct work *next;	/* claimed; to be freed; or NULL */
	bool left_waiting;	/* it waits at `tell`, unclaimed */
	bool more;		/* with _TOLD, _DELIVERED: others wait at */
				/* `tell` */
};
void store_move(struct moving *);

/* The states of messages, for who waits for another process: 0 for one that
 * is gone from the queue, told or dropped. */
struct watching {
	struct db_work db;
	struct store *store;
	const int64_t *id;
	size_t n;
	/* out */
	enum state *state;
};
void store_watch(struct watching *);

#endif
