#ifndef PORTAL_REST_H
#define PORTAL_REST_H

#include "base/arena.h"
#include "base/buf.h"
#include "portal/room.h"
#include "portal/tokens.h"
#include "portal/verdict.h"

/*
 * One REST call, whatever it carries: the ladder of tokens,
 * the move of a renamed portal, limits, and what the answer means.  Made
 * inside room_want's go(), which gave the permission for it.
 */
struct rest_call {
	/*
	 * Set by the caller, who keeps all that they point to until done():
	 * called once, in the loop, never from inside rest_start().
	 */
	void (*done)(struct rest_call *);
	struct room *room;
	const char *method;
	/* Writes the body with this token.  Errors as buf_add(). */
	enum err (*render)(struct rest_call *, const char *token,
	    struct buf *);
	const char *const *own;	/* tokens of events, the best one first */
	size_t owns;
	const char *endpoint;	/* an event's own, or NULL */
	/* Whether one more call may be made after an answer; NULL: it may. */
	bool (*may_go_on)(const struct rest_call *);
	bool probe;		/* the portal was down */
	bool own_only;		/* no other token than those of `own` */
	/* Reads an answer into v; NULL: it is that to a delivery status. */
	void (*read)(struct rest_call *, const struct http_call *);
	/* out */
	struct verdict v;
	bool called;		/* at least one call was made */
	bool no_token;		/* it never had one to call with */
	bool tokens_later;	/* one may be had later */
	int64_t took_ms;	/* of the last call */
	/* its own */
	struct http_call http;
	struct http_route route;
	struct token_search search;
	struct arena arena;
	struct buf url, body;
	const char *at;		/* the endpoint in use */
	const char *token;	/* the token in use */
	size_t next_own;
	bool stored, renewed, moved, newer;
	int calls;
	struct task task;
};

void rest_start(struct rest_call *);
void rest_free(struct rest_call *);	/* what an ended one holds */

/* Whether that is a token at all: events carry the word "undefined", too. */
bool rest_is_token(const char *);

#endif
