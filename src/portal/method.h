#ifndef PORTAL_METHOD_H
#define PORTAL_METHOD_H

#include "portal/rest.h"

/*
 * One call of a REST method as the application, whatever it is: with the
 * portal's stored token (refreshed where it has expired), by its room, within
 * its limits.  For what is done now and then; messages have calls of their
 * own.
 */
enum method_end {
	METHOD_OK,
	METHOD_REFUSED,		/* for good: a person must act */
	METHOD_AGAIN		/* it may work later */
};

#define METHOD_REASON_MAX VERDICT_REASON_MAX

struct method_call {
	/*
	 * Set by the caller, who keeps all that they point to until done():
	 * called once, in the loop, never from inside method_start().
	 */
	void (*done)(struct method_call *);
	void *ctx;		/* for the caller */
	const char *name;	/* imconnector.register */
	/* Appends the parameters, each as json_add_text() does; NULL: none.
	 * Errors as buf_add(). */
	enum err (*params)(const struct method_call *, struct buf *);
	const char *token;	/* the only one to call with: a user's, of a */
				/* page; NULL: the stored one */
	/* For whoever shows calls (NULL: nobody): an answer has come, or has
	 * not; with a NULL it is said that this would be called.  The call's
	 * body and answer, and rest.token, hold secrets. */
	void (*seen)(const struct method_call *, const struct http_call *);
	/* out */
	enum method_end end;
	bool tokens_over;	/* REFUSED: the portal must be installed anew */
	bool bound;		/* not OK: the handler is bound already */
	const char *error;	/* Bitrix24's word if it is a known one; */
				/* static, or NULL */
	char reason[METHOD_REASON_MAX];	/* unless OK; nothing secret in it */
	struct buf answer;	/* with OK: the whole JSON text */
	/* its own */
	struct rest_call rest;
	struct room_want want;
	struct room *room;
	struct timer late;
	struct task task;
	bool waits, calls;
};

/* Calls, with all other fields zero. */
void method_start(struct method_call *, struct rooms *,
    const char *member_id);

/*
 * Reads the values of a good answer, as flat_read() does: "result.0.event".
 */
enum err method_values(const struct method_call *,
    enum err (*each)(void *ctx, const char *path, const char *s, size_t n),
    void *ctx);

/* Frees what an ended one holds; the struct may be started again. */
void method_free(struct method_call *);

/*
 * Takes one that waits for its turn off the list: done() is not called any
 * more.  False: it is on its way, and its done() will be called.
 */
bool method_drop(struct method_call *);

#endif
