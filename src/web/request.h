#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * One request of the web server, by FastCGI or by plain CGI.  Owned by
 * whoever accepted it.
 */
struct request;

struct request_kind {
	/* A CGI variable (RFC 3875), or NULL.  Lives as long as the request. */
	const char *(*param)(struct request *, const char *name);
	/* Reads at most `n` bytes of the body: 0 at its end, -1 if it broke. */
	ssize_t (*read)(struct request *, char *, size_t n);
	/* Writes all `n` bytes of the answer.  False: the peer is gone. */
	bool (*write)(struct request *, const char *, size_t n);
	/* The answer is complete.  Once, from any thread; the request is
	 * its owner's again, who may use it for the next one. */
	void (*finish)(struct request *);
	/* The body's end can be seen beyond CONTENT_LENGTH (RFC 3875, 4.2
	 * forbids a CGI program to look there). */
	bool sees_end;
	/* Nothing of the request is asked for any more; only the answer is
	 * to come.  May be NULL. */
	void (*forget)(struct request *);
};

/* Every kind's own struct begins with this. */
struct request {
	const struct request_kind *kind;
};

#endif
