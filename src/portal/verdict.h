#ifndef PORTAL_VERDICT_H
#define PORTAL_VERDICT_H

#include "http/client.h"

/* What an answer of Bitrix24 means for us. */
enum verdict_kind {
	VERDICT_OK,
	VERDICT_EXPIRED,	/* refresh once, then again */
	VERDICT_TOKEN,		/* this token is no good: another, once */
	VERDICT_ACCESS,		/* its user may not: the stored one, once */
	VERDICT_REFUSED,	/* the call is wrong: a person must act */
	VERDICT_PORTAL,		/* the portal is lost: a person must act */
	VERDICT_LIMIT,		/* too many calls: wait, growing */
	VERDICT_OPERATING,	/* too much work: wait until it says */
	VERDICT_OVERLOAD,	/* blocked by hand: wait long */
	VERDICT_MOVED,		/* 302: the portal was renamed */
	VERDICT_AGAIN		/* anything that may pass by itself */
};

#define VERDICT_REASON_MAX 384

struct verdict {
	enum verdict_kind kind;
	char reason[VERDICT_REASON_MAX];	/* for the log and the queue */
	int64_t reset_at;	/* operating_reset_at, Unix seconds; 0: none */
	int64_t retry_after_s;	/* what the answer asked for, or -1 */
	bool down;		/* no connection, or it timed out */
	const char *error;	/* the known word that it named, or NULL */
	bool bound;		/* it says that the handler is bound already */
	char location[HTTP_LOCATION_MAX];	/* with VERDICT_MOVED */
};

/*
 * Judges the answer to a delivery status: by `error` first, without
 * regard to case, then by the status, then by result.SUCCESS.
 */
void verdict_read(struct verdict *, const struct http_call *);

/*
 * The same for any other method, where every result is good that is not
 * false: `result` itself, or result.result with result.error beside it, for
 * failures come with HTTP status 200, too.
 */
void verdict_read_method(struct verdict *, const struct http_call *);

/*
 * The error word of that contract which these bytes are, without regard to
 * case, or NULL.  Static: what a peer says is never repeated, for it may echo
 * a token.
 */
const char *verdict_known_error(const char *s, size_t n);

#endif
