#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"

/*
 * The one client for every outgoing call, in the loop: one curl_multi by its
 * socket interface, one pool of kept connections.  No call holds a thread.
 *
 * Calls are shared out among peers in turn.  At most `calls` are on their
 * way together.  An eighth of the places is for peers that are well: the last
 * call was answered in time, and none is older than `slow_ms`.  At most half
 * go to peers that are unwell: the last call failed, or one is that old.  When
 * a place is wanted and all are taken, the oldest call to another peer that is
 * older than `slow_ms` is cut: HTTP_CUT.  For one that is not unwell also a
 * call that takes a second and four times as long as its peer's last one.
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
	HTTP_TOO_LARGE,		/* the answer went over a cap */
	HTTP_CUT		/* it gave its place to others: try it later */
};

#define HTTP_REASON_MAX 360
#define HTTP_LOCATION_MAX 1024
#define HTTP_TYPE_MAX 128
#define HTTP_DATE_MAX 40

/* What a taker says of a piece: taken; not now, it comes again; no more. */
enum http_take { HTTP_TAKEN, HTTP_NOT_NOW, HTTP_NO_MORE };

/* In microseconds from leaving; 0: it did not come to that. */
struct http_times {
	int64_t connected_us, secured_us, first_us;
};

struct http_call;
TAILQ_HEAD(http_calls, http_call);

enum http_peer_state {
	HTTP_PEER_NEW,			/* was never called */
	HTTP_PEER_WELL,
	HTTP_PEER_UNWELL,
	HTTP_PEER_KINDS
};

/*
 * Who is called: a portal, an OAuth server, a channel.  Its owner keeps it
 * as long as it has calls.  Starts with http_peer_init().
 */
struct http_peer {
	/* the owner's, before the first call */
	bool bounded;			/* its owner calls only so often at */
					/* once: never held to the half */
	/* the client's own; an owner may bring them from an earlier time */
	enum http_peer_state state;
	int64_t took_ms;		/* its last answer */
	/* the client's own */
	struct http_calls waiting;	/* for a place, in order */
	size_t in_flight;
	size_t slow;			/* of these: older than slow_ms */
	bool listed;			/* in a ring of those who wait */
	TAILQ_ENTRY(http_peer) link;
};

void http_peer_init(struct http_peer *);

/*
 * One POST, or a GET.  The caller owns it and everything it points to, and
 * keeps them unchanged until `done` was called, once, in the loop, never from
 * inside http_start().
 */
struct http_call {
	/* set by the caller */
	void (*done)(struct http_call *);
	struct http_peer *peer;
	const struct http_route *route;
	const char *url;
	const char *const *headers;	/* "Name: value", NULL at the end */
	const char *body;
	size_t body_len;
	int64_t timeout_ms;		/* of the whole call, from the moment */
					/* that it leaves; at least 1 */
	bool fresh;			/* on a connection of its own */
	bool keep;			/* never cut for others */
	size_t answer_max;		/* bytes; 0 takes 64 KiB */
	bool get;			/* a GET, without a body */
	/* Takes the body of a 2xx answer in pieces, in place of `answer`;
	 * status and type are set by then.  HTTP_NO_MORE ends the call with
	 * HTTP_TOO_LARGE, HTTP_NOT_NOW waits for http_go_on().  Or NULL. */
	enum http_take (*take)(struct http_call *, const char *, size_t n);
	/* set by the client */
	enum http_end end;
	long status;			/* with _ANSWERED and _TOO_LARGE */
	struct buf answer;		/* freed by http_call_free() */
	char location[HTTP_LOCATION_MAX];	/* of a 3xx, absolute, or "" */
	char type[HTTP_TYPE_MAX];	/* of a GET's: in lower case, or "" */
	int64_t retry_after_s;		/* -1 when there was none */
	int64_t took_ms;		/* from leaving to the end */
	struct http_times times;	/* as far as it came */
	char date[HTTP_DATE_MAX];	/* its Date header, or "" */
	char reason[HTTP_REASON_MAX];	/* which host, what is wrong with it, */
					/* what to do; no URL, no body */
	/* the client's own */
	struct http_transfer *transfer;
	TAILQ_ENTRY(http_call) link;
};

struct http_opts {
	struct loop *loop;
	const struct clock *clock;
	const struct log *log;
	int64_t calls;		/* on their way, all together */
	int64_t kept;		/* connections beside those in use */
	int64_t slow_ms;	/* longer than this is not well */
	bool one_shot;		/* tunes it for a call or two (plain CGI) */
};

/* ERR_NOMEM.  SIGPIPE must be ignored: TLS writes to sockets by itself. */
enum err http_client_new(struct http_client **, const struct http_opts *);

/* Begins a call.  Cannot fail: what goes wrong is told by done(). */
void http_start(struct http_client *, struct http_call *);

/* Its taker takes again.  Nothing, if the call is not under way. */
void http_go_on(struct http_client *, struct http_call *);

/* Frees what an ended call holds; once for each started call. */
void http_call_free(struct http_call *);

/* A date of HTTP as Unix seconds; negative: it is none. */
int64_t http_date(const char *);

/* The most descriptors that it holds. */
int64_t http_descriptors(const struct http_client *);

/*
 * Frees all.  Calls that still run are dropped: their done() is not called.
 * Not from inside a done().  NULL is fine.
 */
void http_client_free(struct http_client *);

#endif
