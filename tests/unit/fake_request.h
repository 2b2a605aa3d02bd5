/*
 * A request without a web server: scripted variables, a body that comes in
 * pieces, and an answer that is kept.  It asserts what web/request.h asks of
 * whoever uses a request.
 */
#ifndef FAKE_REQUEST_H
#define FAKE_REQUEST_H

#include "unit.h"

#include "base/buf.h"
#include "web/request.h"

#include <stdlib.h>
#include <string.h>

#define FAKE_MAX ((size_t)64 * 1024)

struct fake {
	struct request request;
	const char *method, *type, *length;
	struct text body;	/* what comes of it */
	size_t piece;		/* bytes of a read at the most; 0: any */
	bool breaks;		/* the body ends in an error */
	bool gone;		/* nobody takes the answer */
	/* what happened */
	size_t at;		/* bytes that were read */
	size_t asked;		/* the last byte that was asked for */
	bool ended;		/* the end was told */
	struct buf answer;
	int finished;
};

static inline const char *
fake_param(struct request *rq, const char *name)
{
	const struct fake *f = (const struct fake *)rq;

	if (strcmp(name, "REQUEST_METHOD") == 0)
		return f->method;
	if (strcmp(name, "CONTENT_TYPE") == 0)
		return f->type;
	if (strcmp(name, "CONTENT_LENGTH") == 0)
		return f->length;
	return NULL;
}

static inline ssize_t
fake_read(struct request *rq, char *p, size_t n)
{
	struct fake *f = (struct fake *)rq;
	size_t left = f->body.n - f->at;

	assert_true(n > 0);
	assert_false(f->ended);	/* nobody asks on after the end */
	if (f->at + n > f->asked)
		f->asked = f->at + n;
	if (n > left)
		n = left;
	if (f->piece != 0 && n > f->piece)
		n = f->piece;
	f->ended = n == 0;
	if (n == 0)
		return f->breaks ? -1 : 0;
	memcpy(p, f->body.p + f->at, n);
	f->at += n;
	return (ssize_t)n;
}

static inline bool
fake_write(struct request *rq, const char *p, size_t n)
{
	struct fake *f = (struct fake *)rq;

	assert_int_equal(f->finished, 0);
	if (f->gone)
		return false;
	assert_int_equal(buf_add(&f->answer, p, n), ERR_OK);
	return true;
}

static inline void
fake_finish(struct request *rq)
{
	((struct fake *)rq)->finished++;
}

/* As FastCGI, and as plain CGI, which must not look behind the length. */
static const struct request_kind fake_fcgi = { fake_param, fake_read,
	fake_write, fake_finish, true, NULL };
static const struct request_kind fake_cgi = { fake_param, fake_read,
	fake_write, fake_finish, false, NULL };

/* A POST of JSON by FastCGI that names no length. */
static inline struct fake
fake_post(struct text body)
{
	struct fake f = { .request = { &fake_fcgi }, .method = "POST",
	    .type = "application/json", .body = body };

	buf_init(&f.answer, FAKE_MAX);
	return f;
}

static inline const char *
fake_answer(struct fake *f)
{
	const char *text = buf_str(&f->answer);

	assert_non_null(text);
	return text;
}

static inline void
fake_free(struct fake *f)
{
	buf_free(&f->answer);
}

#endif
