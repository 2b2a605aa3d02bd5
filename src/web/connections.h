#ifndef WEB_CONNECTIONS_H
#define WEB_CONNECTIONS_H

#include "base/pool.h"
#include "relay/relay.h"

struct connection;
TAILQ_HEAD(connection_list, connection);

/* The web server's connections, in the loop.  The first part is set by the
 * owner. */
struct connections {
	struct relay *relay;
	struct pool *readers;	/* read what is large and comes slowly */
	struct task *accepting;	/* made ready when one may be accepted again */
	int64_t most;		/* may be open: others need descriptors, too */
	/* its own */
	const struct env *env;
	int64_t silent_ms;
	bool stopping;
	int64_t open;
	bool wanted;		/* one waits in the socket's queue */
	int64_t told_ms;	/* when the log said so */
	struct connection_list waiting;	/* for a head: oldest first */
	struct connection_list working;	/* on a request */
	struct connection_list closing;	/* for the peer to go */
	struct connection_list spare;	/* memory for the next one */
};

void connections_init(struct connections *);

/*
 * Accepts a connection, if one is there, and serves what it brought.  When
 * descriptors run short, those that have waited longest are closed for it.
 * Returns 0, the errno of what failed (EAGAIN: there is none), or
 * CONNECTIONS_LATER: requests have all that there are, and `accepting` will
 * be made ready.  So nobody spins.
 */
#define CONNECTIONS_LATER (-1)
int connections_accept(struct connections *, int listen_fd);

/* No new requests: what has come is served yet, who waits is closed. */
void connections_stop(struct connections *);

/* Whether requests, or the ends of some, are on their way. */
bool connections_busy(const struct connections *);

/* Nothing more comes on any of them: readers that wait for it come back. */
void connections_cut(struct connections *);

/* For connection.c: one of them has become idle. */
void connections_idle(struct connections *);

/* Nobody uses them any more: connections_busy() is false. */
void connections_free(struct connections *);

#endif
