#ifndef FEED_H
#define FEED_H

#include "trace.h"

#include <stdlib.h>

/*
 * Feeds a reader in pieces and looks at what comes of it: the trace and the
 * problem.  Every piece lies in memory of its own that is gone afterwards,
 * so that the sanitizer sees a reader that looks further or back.
 */
#define PIECE_MAX 31
#define TAIL 8	/* bytes of a large text that are fed in small pieces */

struct cut {
	size_t first;	/* bytes of the first piece */
	size_t piece;	/* and of all that follow */
};

struct run {
	struct trace trace;
	struct problem problem;
};

static inline enum err
feed_piece(const struct codec *c, void *reader, const char *s, size_t n)
{
	char *copy = malloc(n != 0 ? n : 1);
	enum err e;

	assert_non_null(copy);
	if (n != 0)
		memcpy(copy, s, n);
	e = c->feed(reader, copy, n);
	free(copy);
	return e;
}

/* Once there is a problem, nothing changes it and the sink has rest. */
static inline void
feed_after(const struct codec *c, void *reader, const struct run *r)
{
	static const char *const more[] = { "", "1", "]", "}", "\"", "&a=1" };
	const struct problem before = r->problem;
	const size_t calls = r->trace.calls;

	for (size_t i = 0; i < COUNT(more); i++) {
		assert_int_equal(feed_piece(c, reader, more[i],
		    strlen(more[i])), before.err);
		assert_int_equal(c->end(reader), before.err);
	}
	assert_memory_equal(&r->problem, &before, sizeof(before));
	assert_int_equal(r->trace.calls, calls);
}

static inline void
feed_run(struct run *r, const struct codec *c, struct text in,
    struct cut cut, size_t refuse_at)
{
	const struct sax sax = { trace_enter, trace_value, trace_leave,
		&r->trace };
	enum err e = ERR_OK;
	size_t n = cut.first;
	void *reader;

	memset(r, 0, sizeof(*r));
	buf_init(&r->trace.text, TRACE_MAX);
	r->trace.problem = &r->problem;
	r->trace.refuse_at = refuse_at;
	reader = c->open(&sax, &r->problem);
	assert_non_null(reader);
	for (size_t i = 0; e == ERR_OK && i < in.n; i += n, n = cut.piece) {
		if (n > in.n - i)
			n = in.n - i;
		e = feed_piece(c, reader, in.p + i, n);
		if (e == ERR_OK)	/* an empty piece changes nothing */
			e = feed_piece(c, reader, "", 0);
	}
	if (e == ERR_OK)
		e = c->end(reader);
	assert_int_equal(e, r->problem.err);
	if (e != ERR_OK)
		feed_after(c, reader, r);
	else
		assert_int_equal(r->trace.depth, 0);
	c->close(reader);
}

static inline void
feed_free(struct run *r)
{
	buf_free(&r->trace.text);
}

static inline void
feed_same(struct run *got, struct run *want, struct text in, struct cut cut)
{
	const struct problem *p = &got->problem, *q = &want->problem;

	if (p->err != q->err || p->at != q->at || strcmp(p->text, q->text) != 0)
		fail_msg("%.*s, cut at %zu and every %zu: %s at %lld, %s; "
		    "whole: %s at %lld, %s", (int)in.n, in.p, cut.first,
		    cut.piece, err_name(p->err), (long long)p->at, p->text,
		    err_name(q->err), (long long)q->at, q->text);
	assert_string_equal(buf_str(&got->trace.text),
	    buf_str(&want->trace.text));
	assert_int_equal(got->trace.calls, want->trace.calls);
}

/* One cut must come to the same as the whole. */
static inline void
feed_cut(struct run *whole, const struct codec *c, struct text in,
    struct cut cut)
{
	struct run r;

	feed_run(&r, c, in, cut, whole->trace.refuse_at);
	feed_same(&r, whole, in, cut);
	feed_free(&r);
}

/* The text whole, then in pieces of every size.  Free what comes back. */
static inline struct run
feed_cuts(const struct codec *c, struct text in, size_t refuse_at)
{
	struct run whole;

	feed_run(&whole, c, in, (struct cut){ in.n, 1 }, refuse_at);
	for (size_t n = 1; n <= PIECE_MAX; n++)
		feed_cut(&whole, c, in, (struct cut){ n, n });
	return whole;
}

/*
 * As feed_cuts(), for a large text: yajl looks at a token's beginning again
 * with every piece, so the small pieces come at the end only.
 */
static inline struct run
feed_big(const struct codec *c, struct text in)
{
	static const size_t sizes[] = { 131071, 65521 };
	struct run whole;

	feed_run(&whole, c, in, (struct cut){ in.n, 1 }, 0);
	for (size_t i = 0; i < COUNT(sizes); i++)
		feed_cut(&whole, c, in, (struct cut){ sizes[i], sizes[i] });
	for (size_t n = 1; n < TAIL; n++)
		feed_cut(&whole, c, in, (struct cut){ in.n - TAIL, n });
	return whole;
}

#endif
