#ifndef HTTP_INSIDE_H
#define HTTP_INSIDE_H

#include "http/client.h"
#include "http/transfer.h"

#include <curl/curl.h>

/* What the client is made of.  Private to src/http/. */

TAILQ_HEAD(http_transfers, http_transfer);
TAILQ_HEAD(http_peers, http_peer);
struct http_sock;
TAILQ_HEAD(http_socks, http_sock);

/* Who may be on the way: places.c. */
struct places {
	size_t calls;			/* the most of them together */
	size_t unsure;			/* the most to peers that are not */
					/* well, and of these */
	size_t half;			/* to those that are unwell */
	int64_t slow_ms;
	/* by kinds of peers: enum http_peer_state */
	size_t on[HTTP_PEER_KINDS];	/* on the way */
	struct http_peers rings[HTTP_PEER_KINDS];	/* who waits */
	size_t turn;			/* the ring that starts the next call */
	/* on the way, the oldest first */
	struct http_transfers young;
	struct http_transfers slow;	/* may be cut */
	struct http_transfers held;	/* slow, but to be kept */
};

struct http_client {
	struct loop *loop;
	const struct clock *clock;
	bool one_shot;
	int64_t now_ms;			/* of the running task */
	int64_t kept;			/* connections beside those in use */
	struct task task;
	struct places places;
	struct timer slow;		/* when the next call becomes slow */
	struct http_transfers spare;
	size_t spares;
	struct http_transfers over;	/* end them without curl's verdict */
	struct http_transfers going;	/* they were held, and go on */
	struct http_calls ended;	/* done() is to be called */
	/* multi.c's */
	CURLM *multi;
	struct timer curl;
	bool curl_due;
	long kept_max;			/* what curl was told last */
	struct http_socks noted;	/* something happened there */
	struct http_socks socks;	/* known, in use */
};

void places_init(struct places *, const struct http_opts *);

/* How many are on the way. */
size_t places_busy(const struct places *);

/* Puts a call into its peer's queue and the peer into its ring. */
void places_wait(struct places *, struct http_call *);

/*
 * The call that may leave now, taken out of its queue; NULL: none may.
 * Before it leaves, `victim`, if there is one, has to be ended.
 */
struct http_call *places_next(struct places *, int64_t now_ms,
    struct http_transfer **victim);

/* A transfer leaves; it ended, and what that tells of its peer. */
void places_take(struct places *, struct http_transfer *);
void places_give(struct places *, struct http_transfer *,
    enum http_peer_state);

/* Looks which calls became slow, and when others will, or may be cut for
 * those who wait.  False: there is none to wait for. */
bool places_age(struct places *, int64_t now_ms, int64_t *next_ms);

/* Forgets everybody, so that the peers are as new. */
void places_drop(struct places *);

/* Gives a call to curl; one that cannot leave ends. */
void flight_begin(struct http_client *, struct http_call *);

/* Takes a transfer back, once it is written down how its call ended. */
void flight_end(struct http_client *, struct http_transfer *);

/* Has the task end a transfer by our own word (NULL: curl's).  Anywhere. */
void flight_end_soon(struct http_client *, struct http_transfer *,
    enum http_end, const char *why);
void flight_end_over(struct http_client *);

/* What was held by its taker goes on: noted anywhere, done by the task. */
void flight_go_on(struct http_client *);

/* Frees the handles that carry nothing. */
void flight_end_spares(struct http_client *);

bool multi_init(struct http_client *);
void multi_end(struct http_client *);

/* Lets curl act on a bounded lot of what was noted. */
void multi_act(struct http_client *);

/* What curl does when time passes, a new transfer's first step too. */
void multi_time(struct http_client *);

/* A transfer that curl is through with, and how; NULL: none is. */
struct http_transfer *multi_next(struct http_client *, CURLcode *);

/* Bounds the kept connections by what is on the way now. */
void multi_bound(struct http_client *);

#endif
