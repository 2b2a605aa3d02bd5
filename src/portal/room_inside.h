#ifndef PORTAL_ROOM_INSIDE_H
#define PORTAL_ROOM_INSIDE_H

#include "portal/known.h"
#include "portal/newest.h"
#include "portal/room.h"

/* What room.c, room_facts.c and rooms.c share.  Private to them. */

#define OAUTH_CALLS 32		/* on their way to OAuth servers */
#define ASK_MIN_MS 4		/* first look again for a slot; then twice */

struct rooms {
	const struct env *env;
	struct table table;
	struct oauth_calls oauth;
	struct newest newest;
	struct known known;
	void (*news)(void *ctx, struct room *, enum room_news);
	void *ctx;
};

struct room {
	struct table_node node;
	struct rooms *all;
	char *member_id;
	size_t users;
	size_t holders;		/* who will want to call soon */
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
	bool down, parked;
	int64_t reset_ms;
	struct arena arena;	/* of the next */
	struct portal portal;
	bool installed;
	/* what is to be written, and what is being written */
	struct room_note due;	/* parked: in the next */
	bool noting;
	char parked_why[PROBLEM_TEXT_MAX], note_why[PROBLEM_TEXT_MAX];
	struct place_change change;
	bool changing, change_again;
	char change_why[PROBLEM_TEXT_MAX];
	struct noting_room note_work;
	struct timer note_timer;	/* of a note that was not taken */
	struct task pump;
	struct timer timer;
};

/* Lets in who may call; a task's, and a timer's. */
void room_pump(struct task *);
void room_on_timer(struct timer *);
/* Writes down what is due, with the next commit. */
void room_note_soon(struct room *);
/* That it is parked is on its way into the store. */
bool room_is_parking(const struct room *);
/* The same note again; a timer's. */
void room_note_again(struct timer *);

#endif
