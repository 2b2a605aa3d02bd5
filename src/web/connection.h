#ifndef WEB_CONNECTION_H
#define WEB_CONNECTION_H

#include "base/err.h"
#include "base/log.h"
#include "web/idle.h"
#include "web/request.h"
#include "web/room.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

/* A connection of the web server, with at most one request at a time. */
struct connection;

/* What all of them share.  All but the last are set by the owner. */
struct connections {
	struct idle idle;	/* its owner's part; its events lead to the */
				/* connection */
	struct room room;	/* most, has_room, ctx */
	void (*answered)(void *ctx);	/* a request is over; any thread */
	void *ctx;
	const struct log *log;
	struct {
		pthread_mutex_t lock;
		SLIST_HEAD(, connection) spare;
	} own;
};

/* Whether descriptor 0 is a listening socket, as FastCGI wants it. */
bool connection_is_fastcgi(void);

/* Starts libfcgi; once, before any other call but that. */
bool connection_library(void);

enum err connections_init(struct connections *);	/* as idle_init() */
void connections_free(struct connections *);	/* none is in use */

/*
 * Accepts a connection, if one is there.  *out: the connection, if a request
 * is on it already; one without waits in the epoll set.  When descriptors
 * run short, those that have waited longest are closed for it.  Returns 0, the
 * errno of what failed, or CONNECTION_LATER: requests have all that there are,
 * and has_room() will be called.  One thread at a time.
 */
#define CONNECTION_LATER (-1)
int connection_accept(struct connections *, int listen_fd,
    struct connection **out);

/*
 * After an event of the epoll set: true gives the connection to the caller,
 * as a request may be on it.
 */
bool connection_take(struct connection *);

/*
 * Reads the head of the request that has come on a connection, which is the
 * caller's.  Its finish() ends it, and `answered` is called.  NULL: there is
 * none, and the connection is gone.
 */
struct request *connection_request(struct connection *);

/* Closes those that had a minute to say something: when idle.timer_fd is
 * readable. */
void connections_sweep(struct connections *);

#endif
