/*
 * A form on its way out: every byte comes back as itself through the
 * project's own reader, and nothing but the escapes that a form needs.
 */
#include "codec/form_write.h"

#include "codec/sax.h"
#include "trace.h"
#include "unit.h"

#include <stdio.h>

static void
test_bytes(void **state)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	(void)state;
	for (int c = 1; c < 256; c++) {
		const char text[] = { (char)c, '\0' };
		char want[16];
		struct buf b;

		buf_init(&b, 64);
		assert_int_equal(form_add(&b, "k", text), ERR_OK);
		if (strchr(plain, c) != NULL)
			(void)snprintf(want, sizeof(want), "k=%c", c);
		else
			(void)snprintf(want, sizeof(want), "k=%%%02X",
			    (unsigned)c);
		assert_string_equal(buf_str(&b), want);
		buf_free(&b);
	}
}

static void
test_several(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	assert_int_equal(form_add(&b, "grant_type", "refresh_token"), ERR_OK);
	assert_int_equal(form_add(&b, "empty", ""), ERR_OK);
	assert_int_equal(form_add(&b, "secret", "a&b=c+d e%f/\xd0\x96"),
	    ERR_OK);
	assert_string_equal(buf_str(&b), "grant_type=refresh_token&empty=&"
	    "secret=a%26b%3Dc%2Bd%20e%25f%2F%D0%96");
	buf_free(&b);
}

/* What was written is read back by the reader of forms. */
static void
test_round_trip(void **state)
{
	struct problem p = { 0 };
	struct trace t = { .problem = &p };
	const struct sax sax = { trace_enter, trace_value, trace_leave, &t };
	struct buf b;
	void *reader;

	(void)state;
	buf_init(&t.text, TRACE_MAX);
	buf_init(&b, 1024);
	assert_int_equal(form_add(&b, "a", "x&y=1+2 [z]\t%41"), ERR_OK);
	assert_int_equal(form_add(&b, "b", "\xe2\x82\xac"), ERR_OK);
	reader = codec_form.open(&sax, &p);
	assert_non_null(reader);
	assert_int_equal(codec_form.feed(reader, b.p, b.len), ERR_OK);
	assert_int_equal(codec_form.end(reader), ERR_OK);
	codec_form.close(reader);
	assert_string_equal(buf_str(&t.text),
	    "a('x&y=1+2 [z]\t%41')b('\xe2\x82\xac')");
	buf_free(&t.text);
	buf_free(&b);
}

/* A cap is an error wherever it cuts, and never a shortened value. */
static void
test_caps(void **state)
{
	(void)state;
	for (size_t max = 1; max <= 11; max++) {
		struct buf b;
		enum err e;

		buf_init(&b, max);
		e = form_add(&b, "a", "1");
		if (e == ERR_OK)
			e = form_add(&b, "b", "x y");
		assert_int_equal(e, max < 11 ? ERR_TOOBIG : ERR_OK);
		assert_true(b.len <= max);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes), cmocka_unit_test(test_several),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_caps),
	};

	return cmocka_run_group_tests_name("codec/form_write", tests, NULL,
	    NULL);
}
