#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include "http/client.h"

#include <curl/curl.h>

/* One call as curl sees it.  Private to src/http/. */
struct transfer {
	struct http_call *call;
	const struct clock *clock;	/* its wall time dates Retry-After */
	struct curl_slist *headers;
	size_t head_bytes;		/* of all header lines, 1xx included */
	bool too_large;			/* we stopped it at a cap of ours */
};

/*
 * Sets every option of a new or reset handle; `left_ms` is 1 to INT_MAX.
 * False: the request could not be built.  transfer_end() or
 * transfer_refuse() must follow either way.
 */
bool transfer_arm(struct transfer *, CURL *, int64_t left_ms, bool one_shot);

/* Writes down how a transfer that was armed ended; frees what it held. */
void transfer_end(struct transfer *, CURL *, CURLcode);

/* Ends a call without curl's verdict; frees what the transfer held. */
void transfer_refuse(struct transfer *, enum http_end, const char *reason);

/* curl's callbacks for body and headers; `ctx` is the transfer. */
size_t reply_body(char *, size_t one, size_t n, void *ctx);
size_t reply_header(char *, size_t one, size_t n, void *ctx);

/* Puts a call's results to what they are before anything came. */
void call_clear(struct http_call *);

/* Writes how a call ended.  `reason` may not carry input. */
void call_end(struct http_call *, enum http_end, const char *reason);

#endif
