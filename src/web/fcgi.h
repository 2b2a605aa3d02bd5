#ifndef WEB_FCGI_H
#define WEB_FCGI_H

#include "web/intake.h"

#include <sys/types.h>

/*
 * One request by libfcgi, which here neither accepts, nor waits, nor closes.
 * In one thread at a time.
 */
struct fcgi;

/* Whether descriptor 0 is a listening socket, as FastCGI wants it. */
bool fcgi_is_listening(void);

/* Starts libfcgi; once, before any other call but that. */
bool fcgi_library(void);

struct fcgi *fcgi_new(void);		/* NULL: no memory */
void fcgi_free(struct fcgi *);		/* NULL is fine */

/*
 * Reads the head of the request that has come, or is coming, by the intake,
 * which stays in use until fcgi_end().  False: it is none; the intake has no
 * descriptor any more if libfcgi has closed it.
 */
bool fcgi_begin(struct fcgi *, struct intake *);

/* As struct request_kind has them.  fcgi_read() waits only for what the
 * intake has to wait for; fcgi_write() never does. */
const char *fcgi_param(struct fcgi *, const char *name);
ssize_t fcgi_read(struct fcgi *, char *, size_t n);
void fcgi_forget(struct fcgi *);
bool fcgi_write(struct fcgi *, const char *, size_t n);

/* What may become of the connection now. */
enum fcgi_end {
	FCGI_KEEP,		/* the next request may come */
	FCGI_CLOSE,		/* nothing can be lost by closing it */
	FCGI_LINGER,		/* the answer could, with unread input */
};

/* Sends what was written, and ends the request. */
enum fcgi_end fcgi_end(struct fcgi *);

#endif
