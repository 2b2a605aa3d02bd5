#ifndef WEB_CONNECTION_H
#define WEB_CONNECTION_H

#include "base/err.h"
#include "base/log.h"
#include "web/request.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

/* A connection of the web server, with at most one request at a time. */
struct connection;

/* What all of them share.  The first four are set by the owner. */
struct connections {
	int epoll_fd;		/* idle ones wait there, once; its events */
				/* lead to the connection */
	void (*answered)(void *ctx);	/* a request is over; any thread */
	void *ctx;
	const struct log *log;
	/* the connections' own */
	pthread_mutex_t lock;
	SLIST_HEAD(, connection) spare;
};

/* Whether descriptor 0 is a listening socket, as FastCGI wants it. */
bool connection_is_fastcgi(void);

/* Starts libfcgi; once, before any other call but that. */
bool connection_library(void);

enum err connections_init(struct connections *);	/* ERR_NOMEM */
void connections_free(struct connections *);	/* none is in use */

/*
 * Accepts a connection, if one is there.  *out: the connection, if a request
 * is on it already; one without waits in the epoll set.  Returns 0, or the
 * errno of what failed.
 */
int connection_accept(struct connections *, int listen_fd,
    struct connection **out);

/*
 * Reads the head of the request that has come on a connection.  Its finish()
 * ends it, and `answered` is called.  NULL: there is none (any more), and the
 * connection is gone.
 */
struct request *connection_request(struct connection *);

#endif
