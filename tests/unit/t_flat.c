/*
 * The flat list of a server's answer: paths, values, and that nothing is
 * taken for an answer that is not a whole JSON text.
 */
#include "codec/flat.h"

#include "big.h"
#include "codec/sax.h"

#include <stdlib.h>
#include <string.h>

struct list {
	struct buf text;	/* path=value; for each */
	size_t calls;
	size_t refuse_at;
	size_t longest;		/* path */
};

static enum err
note(void *ctx, const char *path, const char *s, size_t n)
{
	struct list *l = ctx;

	assert_true(l->refuse_at == 0 || l->calls < l->refuse_at);
	if (strlen(path) > l->longest)
		l->longest = strlen(path);
	assert_int_equal(buf_adds(&l->text, path), ERR_OK);
	assert_int_equal(buf_addc(&l->text, '='), ERR_OK);
	if (s == NULL)
		assert_int_equal(n, 0);
	assert_int_equal(buf_add(&l->text, s != NULL ? s : "NULL",
	    s != NULL ? n : 4), ERR_OK);
	assert_int_equal(buf_addc(&l->text, ';'), ERR_OK);
	return ++l->calls == l->refuse_at ? ERR_REFUSED : ERR_OK;
}

/* The text lies in memory of exactly its size. */
static enum err
flatten(struct list *l, const char *s, size_t n, size_t refuse_at)
{
	char *copy = malloc(n != 0 ? n : 1);
	enum err e;

	assert_non_null(copy);
	memcpy(copy, s, n);
	*l = (struct list){ .refuse_at = refuse_at };
	buf_init(&l->text, BIG_MAX);
	e = flat_read(copy, n, note, l);
	free(copy);
	return e;
}

static void
flat_is(const char *in, const char *want)
{
	struct list l;

	assert_int_equal(flatten(&l, in, strlen(in), 0), ERR_OK);
	assert_string_equal(buf_str(&l.text), want);
	buf_free(&l.text);
}

static void
flat_fails(const char *in, size_t n, enum err want)
{
	struct list l;

	assert_int_equal(flatten(&l, in, n, 0), want);
	buf_free(&l.text);
}

static void
paths(void **state)
{
	(void)state;
	flat_is("5", "=5;");
	flat_is("{}", "");
	flat_is("[[],{}]", "");
	flat_is("{\"a\":1}", "a=1;");
	flat_is("[\"x\",\"y\"]", "0=x;1=y;");
	flat_is("{\"result\":{\"SUCCESS\":true,\"DATA\":[{\"id\":7},null]},"
	    "\"time\":1.50}", "result.SUCCESS=1;result.DATA.0.id=7;"
	    "result.DATA.1=NULL;time=1.50;");
	flat_is("{\"a\":{\"b\":{\"c\":\"\"}},\"d\":false}",
	    "a.b.c=;d=0;");
	flat_is("{\"a\":{},\"b\":[[[1]]],\"c\":\"\xd0\x96\"}",
	    "b.0.0.0=1;c=\xd0\x96;");
	flat_is("{\"a\":1,\"a\":2}", "a=1;a=2;");
}

/* An empty key is a step as well: {"":{"a":1}} must not pass as {"a":1}. */
static void
empty_keys(void **state)
{
	(void)state;
	flat_is("{\"\":1}", "=1;");
	flat_is("{\"\":{\"a\":1}}", ".a=1;");
	flat_is("{\"a\":{\"\":{\"\":1}}}", "a..=1;");
}

/* The cut path is whole again once the long key was left. */
static void
long_paths_are_cut(void **state)
{
	struct buf key = big("", "k", 200, "");
	struct buf in = big("", "", 0, "");
	struct list l;
	char want[256];

	(void)state;
	(void)buf_str(&key);
	assert_int_equal(buf_addf(&in, "{\"%s\":{\"", key.p), ERR_OK);
	assert_int_equal(buf_addf(&in, "%s\":{\"x\":[5]},\"y\":6}", key.p),
	    ERR_OK);
	assert_int_equal(buf_adds(&in, ",\"z\":7}"), ERR_OK);
	assert_int_equal(flatten(&l, in.p, in.len, 0), ERR_OK);
	assert_int_equal(l.longest, 255);
	memset(want, 'k', sizeof(want));
	want[200] = '.';
	want[255] = '=';
	assert_memory_equal(l.text.p, want, sizeof(want));
	assert_memory_equal(l.text.p + 256, "5;", 2);
	assert_memory_equal(l.text.p + 258, want, 201);
	assert_string_equal(buf_str(&l.text) + 258 + 201, "y=6;z=7;");
	buf_free(&l.text);
	buf_free(&in);
	buf_free(&key);
}

static void
caps(void **state)
{
	struct buf deep = big("", "[", SAX_DEPTH_MAX, "1");
	struct buf deeper = big("", "{\"a\":", SAX_DEPTH_MAX + 1, "1");
	struct buf value = big("\"", "x", SAX_VALUE_MAX, "\"");
	struct buf large = big("\"", "x", SAX_VALUE_MAX + 1, "\"");
	struct list l;

	(void)state;
	big_add(&deep, "]", SAX_DEPTH_MAX);
	big_add(&deeper, "}", SAX_DEPTH_MAX + 1);
	assert_int_equal(flatten(&l, deep.p, deep.len, 0), ERR_OK);
	assert_int_equal(l.longest, 2 * SAX_DEPTH_MAX - 1);
	buf_free(&l.text);
	flat_fails(deeper.p, deeper.len, ERR_TOOBIG);
	flat_fails(value.p, value.len, ERR_OK);
	flat_fails(large.p, large.len, ERR_TOOBIG);
	buf_free(&deep);
	buf_free(&deeper);
	buf_free(&value);
	buf_free(&large);
}

static void
truncated(void **state)
{
	static const char in[] = "{\"a\":[1,\"\\ud83d\\ude00\"],\"\xd0\x96\":"
	    "{\"b\":null}}";

	(void)state;
	for (size_t n = 0; n < sizeof(in) - 1; n++)
		flat_fails(in, n, ERR_INPUT);
	flat_fails(in, sizeof(in) - 1, ERR_OK);
}

static void
not_json(void **state)
{
	static const char *const bad[] = { "<html>", "{}{}", "{} x", "{}\"",
		"{'a':1}", "\xff", "[1,]", "\"\\ud800\"" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		flat_fails(bad[i], strlen(bad[i]), ERR_INPUT);
}

static void
refusals(void **state)
{
	static const char in[] = "[1,{\"a\":null,\"b\":[\"x\"]},2]";
	struct list l;

	(void)state;
	for (size_t k = 1; k <= 4; k++) {
		assert_int_equal(flatten(&l, in, sizeof(in) - 1, k),
		    ERR_REFUSED);
		assert_int_equal(l.calls, k);
		buf_free(&l.text);
	}
	assert_int_equal(flatten(&l, in, sizeof(in) - 1, 5), ERR_OK);
	assert_int_equal(l.calls, 4);
	buf_free(&l.text);
	/* a number at the root is only known at the end */
	assert_int_equal(flatten(&l, "12", 2, 1), ERR_REFUSED);
	buf_free(&l.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(empty_keys),
		cmocka_unit_test(long_paths_are_cut),
		cmocka_unit_test(caps),
		cmocka_unit_test(truncated),
		cmocka_unit_test(not_json),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
