/*
 * A peer that says the same to everybody and keeps what it was told last.
 */
#ifndef CANNED_H
#define CANNED_H

#include "unit.h"

#include "base/patience.h"
#include "http_peer.h"

struct canned {
	struct peer *peer;
	struct http_client *client;
	pthread_mutex_t lock;		/* guards all that follows */
	const char *status;		/* "200 OK"; NULL: no answer at all */
	const char *more;		/* header lines, or "" */
	struct text body;
	struct peer_request last;
	size_t requests;
};

static inline bool
canned_answer(void *ctx, int fd, const struct peer_request *rq)
{
	struct canned *c = ctx;
	bool ok = false;

	(void)pthread_mutex_lock(&c->lock);
	free(c->last.body);
	c->last = *rq;
	c->last.body = malloc(rq->body_len + 1);
	if (c->last.body == NULL)
		abort();
	memcpy(c->last.body, rq->body, rq->body_len);
	c->last.body[rq->body_len] = '\0';
	c->requests++;
	if (c->status != NULL)
		ok = peer_answer(fd, c->status, c->more, c->body.p,
		    c->body.n);
	(void)pthread_mutex_unlock(&c->lock);
	return ok;
}

static inline void
canned_start(struct canned *c)
{
	*c = (struct canned){ .status = "200 OK", .more = "",
	    .body = { "", 0 } };
	(void)pthread_mutex_init(&c->lock, NULL);
	c->peer = peer_start();
	(void)pthread_mutex_lock(&c->peer->lock);
	c->peer->script = canned_answer;
	c->peer->script_ctx = c;
	(void)pthread_mutex_unlock(&c->peer->lock);
	if (http_client_new(&c->client, &clock_system, false) != ERR_OK)
		abort();
}

static inline void
canned_stop(struct canned *c)
{
	http_client_free(c->client);
	peer_stop(c->peer);
	free(c->last.body);
	(void)pthread_mutex_destroy(&c->lock);
}

/* When it returns, nobody reads the body that was set before. */
static inline void
canned_set(struct canned *c, const char *status, const char *more,
    struct text body)
{
	(void)pthread_mutex_lock(&c->lock);
	c->status = status;
	c->more = more;
	c->body = body;
	(void)pthread_mutex_unlock(&c->lock);
}

static inline size_t
canned_requests(struct canned *c)
{
	size_t n;

	(void)pthread_mutex_lock(&c->lock);
	n = c->requests;
	(void)pthread_mutex_unlock(&c->lock);
	return n;
}

/* The last request; nobody may be calling any more. */
static inline const struct peer_request *
canned_last(struct canned *c)
{
	assert_true(canned_requests(c) > 0);
	return &c->last;
}

/* Somebody who has all the time, or none: the end is counted. */
static inline void
patience_counts(void *ctx)
{
	++*(int *)ctx;
}

static inline struct patience
patience_of(int64_t ms, int *ends)
{
	return (struct patience){ .until = deadline_in(&clock_system, ms),
	    .run_out = patience_counts, .ctx = ends };
}

#endif
