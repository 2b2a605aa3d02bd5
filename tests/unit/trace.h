#ifndef TRACE_H
#define TRACE_H

#include "base/buf.h"
#include "codec/sax.h"

#include "unit.h"

#include <string.h>

/*
 * A sink that writes down the calls it gets: enter("a") is `a(`, value("1")
 * is `'1'`, value(NULL) is `null`, leave() is `)`.  The next free index,
 * enter(NULL), is `[](`.  A `(`, `)`, `'` or `\` in a key or a value gets a
 * `\` in front.  It asserts what codec/sax.h promises to every sink.
 */
#define TRACE_MAX ((size_t)4 * 1024 * 1024)

struct trace {
	struct buf text;
	struct problem *problem;
	size_t depth;
	size_t calls;
	size_t refuse_at;	/* the call that is refused, from 1; 0: none */
};

static inline void
trace_add(struct trace *t, const char *s, size_t n)
{
	assert_int_equal(buf_add(&t->text, s, n), ERR_OK);
}

static inline void
trace_bytes(struct trace *t, const char *s, size_t n)
{
	size_t run = 0;

	assert_null(n != 0 ? memchr(s, '\0', n) : NULL);
	for (size_t i = 0; i < n; i++, run++) {
		if (strchr("()'\\", s[i]) != NULL) {
			trace_add(t, s + i - run, run);
			trace_add(t, "\\", 1);
			run = 0;
		}
	}
	trace_add(t, s + n - run, run);
}

static inline enum err
trace_answer(struct trace *t)
{
	/* after a refusal the reader must not call again */
	assert_true(t->refuse_at == 0 || t->calls < t->refuse_at);
	if (++t->calls != t->refuse_at)
		return ERR_OK;
	return problem_set(t->problem, ERR_UNUSABLE, -1, "f", "refused");
}

static inline enum err
trace_enter(void *ctx, const char *key, size_t n)
{
	struct trace *t = ctx;

	assert_true(key != NULL || n == 0);
	assert_true(n <= SAX_KEY_MAX);
	t->depth++;
	assert_true(t->depth <= SAX_DEPTH_MAX);
	if (key != NULL)
		trace_bytes(t, key, n);
	else
		trace_add(t, "[]", 2);
	trace_add(t, "(", 1);
	return trace_answer(t);
}

static inline enum err
trace_value(void *ctx, const char *s, size_t n)
{
	struct trace *t = ctx;

	assert_true(n <= SAX_VALUE_MAX);
	if (s == NULL) {
		assert_int_equal(n, 0);
		trace_add(t, "null", 4);
	} else {
		trace_add(t, "'", 1);
		trace_bytes(t, s, n);
		trace_add(t, "'", 1);
	}
	return trace_answer(t);
}

static inline enum err
trace_leave(void *ctx)
{
	struct trace *t = ctx;

	assert_true(t->depth > 0);
	t->depth--;
	trace_add(t, ")", 1);
	return trace_answer(t);
}

#endif
