#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include "http/client.h"

#include <curl/curl.h>

/* One curl handle, and the call that it works for.  Private to src/http/. */
struct http_transfer {
	struct http_client *client;
	struct http_call *call;
	CURL *easy;
	const struct clock *clock;	/* its wall time dates Retry-After */
	int64_t began_ms;		/* when the call left */
	struct timer limit;
	size_t head_bytes;		/* of all header lines, 1xx included */
	bool too_large;			/* we stopped it at a cap of ours */
	bool is_slow;
	TAILQ_ENTRY(http_transfer) link;	/* by age, or spare */
	bool is_over;
	enum http_end over;		/* how, and why */
	const char *why;
	TAILQ_ENTRY(http_transfer) over_link;
	char error[CURL_ERROR_SIZE];	/* curl's own words, or "" */
	struct certificate *peer;	/* the last that was looked at */
	bool goes_on;
	TAILQ_ENTRY(http_transfer) going_link;
	/* the request's headers as curl wants them */
	struct curl_slist *lines;
	size_t lines_max;
};

/* NULL: no memory. */
struct http_transfer *transfer_new(struct http_client *,
    const struct clock *);
void transfer_free(struct http_transfer *);

/*
 * Makes the handle ready for a call.  False: the request could not be built,
 * and nothing of the call stays here.
 */
bool transfer_arm(struct http_transfer *, struct http_call *, bool one_shot);

/* Writes down how an armed transfer ended by curl's verdict. */
void transfer_end(struct http_transfer *, CURLcode);

/* Forgets the call. */
void transfer_clear(struct http_transfer *);

/* curl's callbacks for body and headers; `ctx` is the transfer. */
size_t reply_body(char *, size_t one, size_t n, void *ctx);
size_t reply_header(char *, size_t one, size_t n, void *ctx);

/* Why a transfer had no answer, by curl's verdict and words. */
void reason_write(const struct http_transfer *, CURLcode,
    char out[HTTP_REASON_MAX]);

/* Puts a call's results to what they are before anything came. */
void call_clear(struct http_call *);

/* The media type of the answer, without its parameters. */
void call_take_type(struct http_call *, CURL *);

/* Writes how a call ended.  `reason` may not carry input. */
void call_end(struct http_call *, enum http_end, const char *reason);

#endif
