#ifndef WEB_CONNECTION_H
#define WEB_CONNECTION_H

#include "base/loop.h"
#include "base/pool.h"
#include "web/connections.h"
#include "web/intake.h"
#include "web/request.h"

/* One connection, with at most one request at a time.  For connections.c. */

enum connection_stage {
	CONNECTION_WAITING,	/* for a whole head */
	CONNECTION_COLLECTING,	/* a body, here in the loop */
	CONNECTION_SERVED,	/* by a reader, or by the relay */
	CONNECTION_CLOSING	/* the answer is sent; the peer may go */
};

struct connection {
	struct request request;
	struct connections *all;
	struct fcgi *fcgi;
	struct intake intake;
	struct watch watch;
	struct task task;
	struct timer timer;
	struct job job;
	struct exchange *exchange;	/* what the reader has read */
	enum connection_stage stage;
	bool begun;		/* the reader found a head */
	bool bounded;		/* its head must be whole within the minute, */
	int64_t bounded_at;	/* since when */
	bool stirred;		/* something came while it was served */
	TAILQ_ENTRY(connection) link;
};

#define CONNECTION_BROKE_OFF \
	"the request broke off within its parameters, or is none"

/* ---- connection.c, for connections.c */

/* Takes over a descriptor.  NULL: no memory, and it is the caller's yet. */
struct connection *connection_new(struct connections *, int fd);
void connection_free(struct connection *);	/* one of the spare */

/* Serves what a new connection has brought, or lets it wait for more. */
void connection_begin(struct connection *);

/* Closes one that waits, unless a head has come: then it is served soon. */
bool connection_shut(struct connection *);

/* It has come just now, and what it was made for is on its way. */
bool connection_is_fresh(const struct connection *);

/* Nothing begins after this: closes one that waits, too, unless it has just
 * come and will speak in a moment, or be closed. */
void connection_stop(struct connection *);

/* Closes it; it is spare. */
void connection_close(struct connection *);

/* ---- connection.c, for serve.c */

/* The only door to a stage: the last of its list. */
void connection_enter(struct connection *, enum connection_stage);
/* Closes it, and says why. */
void connection_drop(struct connection *, const char *reason);
/* The next request may come. */
void connection_next(struct connection *);
/* Its answer is sent; input that nobody has read must not lose it. */
void connection_linger(struct connection *);

/* ---- serve.c */

extern const struct request_kind connection_kind;

/* All that will ever come of the request is here. */
void connection_serve(struct connection *);
/* A reader waits for the rest, until the intake's deadline. */
void connection_serve_slowly(struct connection *);

#endif
