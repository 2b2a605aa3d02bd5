#ifndef EXPECT_H
#define EXPECT_H

#include "feed.h"

/*
 * Tables of cases for a reader.  Every case, good or bad, must come to the
 * same for every cut.
 */
struct good {
	struct text in;
	const char *trace;
};

struct bad {
	struct text in;
	enum err err;
	int64_t at;
	const char *text;
};

static inline void
expect_trace(struct run *r, struct text in, const char *trace)
{
	const struct problem *p = &r->problem;

	if (p->err != ERR_OK)
		fail_msg("%.*s: %s at %lld, %s", (int)in.n, in.p,
		    err_name(p->err), (long long)p->at, p->text);
	assert_string_equal(buf_str(&r->trace.text), trace);
}

static inline void
expect_problem(struct run *r, struct text in, enum err e, int64_t at,
    const char *text)
{
	const struct problem *p = &r->problem;

	if (p->err != e || p->at != at || strcmp(p->text, text) != 0)
		fail_msg("%.*s: %s at %lld, %s; expected %s at %lld, %s",
		    (int)in.n, in.p, err_name(p->err), (long long)p->at,
		    p->text, err_name(e), (long long)at, text);
	assert_string_equal(p->field, "");
}

static inline void
expect_good(const struct codec *c, const struct good *g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct run r = feed_cuts(c, g[i].in, 0);

		expect_trace(&r, g[i].in, g[i].trace);
		feed_free(&r);
	}
}

static inline void
expect_bad(const struct codec *c, const struct bad *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct run r = feed_cuts(c, b[i].in, 0);

		expect_problem(&r, b[i].in, b[i].err, b[i].at, b[i].text);
		feed_free(&r);
	}
}

/*
 * A sink that refuses its k-th call, for every k: the reader stops there,
 * with the sink's problem and an offset, and made the same calls before.
 */
static inline void
expect_refusals(const struct codec *c, struct text in)
{
	struct run all = feed_cuts(c, in, 0);

	assert_int_equal(all.problem.err, ERR_OK);
	assert_true(all.trace.calls > 0);
	for (size_t k = 1; k <= all.trace.calls; k++) {
		struct run r = feed_cuts(c, in, k);

		assert_int_equal(r.problem.err, ERR_UNUSABLE);
		assert_string_equal(r.problem.text, "refused");
		assert_string_equal(r.problem.field, "f");
		assert_in_range(r.problem.at, 0, in.n);
		assert_int_equal(r.trace.calls, k);
		assert_memory_equal(r.trace.text.p, all.trace.text.p,
		    r.trace.text.len);
		feed_free(&r);
	}
	feed_free(&all);
}

#endif
