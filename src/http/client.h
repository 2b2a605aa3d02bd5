#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one client for every outgoing call: one thread with one curl_multi,
 * one pool of kept connections for all workers.  It never touches the store.
 */
struct http_client;

/* How a family of destinations is reached; must outlive its calls. */
struct http_route {
	const char *ca_file;	/* a private CA; NULL or "": the system's */
	const char *proxy;	/* NULL or "": none; never the environment's */
	bool plain;		/* http:// is allowed beside https:// */
};

enum http_end {
	HTTP_ANSWERED,		/* a whole answer came: look at status */
	HTTP_NOT_SENT,		/* refused here: scheme, URL, memory */
	HTTP_NO_CONNECTION,	/* no name, no route, refused, proxy */
	HTTP_BAD_TLS,		/* the peer could not prove who it is */
	HTTP_TIMED_OUT,
	HTTP_BROKEN,		/* cut or garbled after it was connected */
	HTTP_TOO_LARGE		/* the answer went over a cap */
};

#define HTTP_REASON_MAX 160
#define HTTP_LOCATION_MAX 1024

/*
 * One POST.  The caller owns it and everything it points to, and keeps them
 * unchanged from http_start() until http_wait() returned true.
 */
struct http_call {
	/* set by the caller */
	const struct http_route *route;
	const char *url;
	const char *const *headers;	/* "Name: value", NULL at the end */
	const char *body;
	size_t body_len;
	int64_t timeout_ms;		/* of the whole call; at least 1 */
	bool fresh;			/* on a connection of its own */
	size_t answer_max;		/* bytes; 0 takes 64 KiB */
	/* set by the client */
	enum http_end end;
	long status;			/* with _ANSWERED and _TOO_LARGE */
	struct buf answer;		/* freed by http_call_free() */
	char location[HTTP_LOCATION_MAX];	/* of a 3xx, absolute, or "" */
	int64_t retry_after_s;		/* -1 when there was none */
	char reason[HTTP_REASON_MAX];	/* for the log: no URL, no body */
	/* the client's own */
	struct http_task *task;
};

/*
 * Makes a client.  `one_shot` tunes it for a process that makes a call or
 * two and ends (plain CGI).  The thread starts with the first call.
 * ERR_NOMEM or ERR_RETRY (no descriptors).
 */
enum err http_client_new(struct http_client **, const struct clock *,
    bool one_shot);

/* Begins a call.  Cannot fail: what goes wrong is told by http_wait(). */
void http_start(struct http_client *, struct http_call *);

/*
 * Waits until the call has ended or the deadline (NULL: none of ours, the
 * call's own timeout ends it) is over.  True: it has ended, `end` and the
 * rest are set.  False: it still runs; wait again.
 */
bool http_wait(struct http_client *, struct http_call *,
    const struct deadline *);

/* Frees what an ended call holds; call it once for each started call. */
void http_call_free(struct http_call *);

/*
 * Ends the thread and frees all; calls that still run end as HTTP_BROKEN
 * first, and who is inside http_wait() leaves it.  Nobody may be inside
 * http_start() any more.  NULL is fine.
 */
void http_client_free(struct http_client *);

#endif
