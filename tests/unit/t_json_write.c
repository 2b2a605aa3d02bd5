/*
 * JSON on its way out: escapes, commas, the ceiling; and that the reader
 * gets back what was written.
 */
#include "codec/json_write.h"

#include "feed.h"

#include <stdio.h>

static void
string_is(struct text in, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_int_equal(json_add_string(&b, in.p, in.n), ERR_OK);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void
strings(void **state)
{
	static const struct {
		struct text in;
		const char *want;
	} cases[] = {
		{ { NULL, 0 }, "\"\"" },
		{ T(""), "\"\"" },
		{ T("a"), "\"a\"" },
		{ T("\"\\"), "\"\\\"\\\\\"" },
		{ T("a\"b\\c"), "\"a\\\"b\\\\c\"" },
		{ T("\n\r\t"), "\"\\n\\r\\t\"" },
		{ T("\b\f\x01\x1f"), "\"\\u0008\\u000c\\u0001\\u001f\"" },
		{ T("a\0b"), "\"a\\u0000b\"" },
		{ T("/'\x7f<>&"), "\"/'\x7f<>&\"" },
		{ T("\xd0\x96 \xf0\x9f\x98\x80"),
		    "\"\xd0\x96 \xf0\x9f\x98\x80\"" },
		{ T("\xe2\x80\xa8"), "\"\xe2\x80\xa8\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		string_is(cases[i].in, cases[i].want);
	string_is((struct text){ "abc", 2 }, "\"ab\"");
}

/* Every character but NUL, alone and between others, comes back. */
static void
reader_reads_it_back(void **state)
{
	(void)state;
	for (int c = 1; c < 0x80; c++) {
		const char s[] = { (char)c, 'x', (char)c, (char)c, '\0' };
		struct trace want = { 0 };
		struct run r;
		struct buf b;

		buf_init(&b, 100);
		assert_int_equal(buf_addc(&b, '{'), ERR_OK);
		assert_int_equal(json_add_text(&b, s, s), ERR_OK);
		assert_int_equal(buf_addc(&b, '}'), ERR_OK);
		buf_init(&want.text, 100);
		assert_int_equal(trace_enter(&want, s, 4), ERR_OK);
		assert_int_equal(trace_value(&want, s, 4), ERR_OK);
		assert_int_equal(trace_leave(&want), ERR_OK);
		feed_run(&r, &codec_json, (struct text){ b.p, b.len },
		    (struct cut){ b.len, 1 }, 0);
		assert_int_equal(r.problem.err, ERR_OK);
		assert_string_equal(buf_str(&r.trace.text),
		    buf_str(&want.text));
		feed_free(&r);
		buf_free(&want.text);
		buf_free(&b);
	}
}

/* As RFC 8259 has it, a byte at a time. */
static size_t
escape(char *to, const char *s, size_t n)
{
	static const char names[] = "\"\"\\\\\nn\rr\tt";
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = strchr(names, s[i]);

		if (s[i] != '\0' && name != NULL && (name - names) % 2 == 0)
			len += (size_t)sprintf(to + len, "\\%c", name[1]);
		else if ((unsigned char)s[i] < 0x20)
			len += (size_t)sprintf(to + len, "\\u%04x", s[i]);
		else
			to[len++] = s[i];
	}
	return len;
}

/* As a text and as a name, with a ceiling that fits and one that is short. */
static void
written_is(const char *s, size_t n)
{
	char inner[256], want[600];
	size_t len = escape(inner, s, n);
	int all = snprintf(want, sizeof(want), "\"%.*s\":\"%.*s\",\"%.*s\":\"",
	    (int)len, inner, (int)len, inner, (int)len, inner);
	struct buf b;

	buf_init(&b, (size_t)all);
	assert_int_equal(json_add_member(&b, s, n, s, n), ERR_OK);
	assert_int_equal(json_add_key(&b, s, n), ERR_OK);
	assert_int_equal(buf_addc(&b, '"'), ERR_OK);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
	buf_init(&b, 2 * len + 5);
	assert_int_equal(json_add_member(&b, s, n, s, n), ERR_OK);
	buf_free(&b);
	buf_init(&b, 2 * len + 4);
	assert_int_equal(json_add_member(&b, s, n, s, n), ERR_TOOBIG);
	buf_free(&b);
	buf_init(&b, len + 2);
	assert_int_equal(json_add_string(&b, s, n), ERR_OK);
	assert_memory_equal(b.p, want, len + 2);
	buf_free(&b);
}

/* Every byte at every place, alone and with another behind it. */
static void
every_byte_everywhere(void **state)
{
	char s[20];

	(void)state;
	for (int c = 1; c < 256; c++) {
		for (size_t n = 1; n <= sizeof(s); n++) {
			for (size_t at = 0; at < n; at++) {
				memset(s, 'x', sizeof(s));
				s[at] = (char)c;
				written_is(s, n);
				s[n - 1] = '"';
				written_is(s, n);
			}
		}
	}
	written_is("", 0);
}

static void
members(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(json_add_text(&b, "no", NULL), ERR_OK);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_addc(&b, '{'), ERR_OK);
	assert_int_equal(json_add_text(&b, "no", NULL), ERR_OK);
	assert_int_equal(json_add_text(&b, "a\"", "x{"), ERR_OK);
	assert_int_equal(json_add_text(&b, "no", NULL), ERR_OK);
	assert_int_equal(json_add_number(&b, "min", INT64_MIN), ERR_OK);
	assert_int_equal(json_add_number(&b, "max", INT64_MAX), ERR_OK);
	assert_int_equal(json_add_text(&b, "e", ""), ERR_OK);
	assert_int_equal(json_add_name(&b, "l"), ERR_OK);
	assert_int_equal(buf_adds(&b, "[{"), ERR_OK);
	assert_int_equal(json_add_number(&b, "i", 0), ERR_OK);
	assert_int_equal(buf_adds(&b, "}]"), ERR_OK);
	assert_int_equal(json_add_name(&b, ""), ERR_OK);
	assert_int_equal(buf_adds(&b, "{"), ERR_OK);
	assert_int_equal(json_add_name(&b, "o"), ERR_OK);
	assert_int_equal(buf_adds(&b, "[]}}"), ERR_OK);
	assert_string_equal(buf_str(&b),
	    "{\"a\\\"\":\"x{\",\"min\":-9223372036854775808,"
	    "\"max\":9223372036854775807,\"e\":\"\",\"l\":[{\"i\":0}],"
	    "\"\":{\"o\":[]}}");
	buf_free(&b);
}

static void
no_comma_at_the_beginning(void **state)
{
	static const struct {
		const char *before;
		const char *want;
	} cases[] = {
		{ "", "\"a\":1" },
		{ "{", "{\"a\":1" },
		{ "[", "[\"a\":1" },
		{ "{}", "{},\"a\":1" },
		{ "[1]", "[1],\"a\":1" },
		{ "1", "1,\"a\":1" },
		{ "\"{\"", "\"{\",\"a\":1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf b;

		buf_init(&b, 100);
		assert_int_equal(buf_adds(&b, cases[i].before), ERR_OK);
		assert_int_equal(json_add_number(&b, "a", 1), ERR_OK);
		assert_string_equal(buf_str(&b), cases[i].want);
		buf_free(&b);
	}
}

static enum err
write_all(struct buf *b)
{
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = json_add_text(b, "a", "x\n\x01\"y");
	if (e == ERR_OK)
		e = json_add_number(b, "n", 12);
	return e == ERR_OK ? json_add_name(b, "o") : e;
}

/* A ceiling at every byte is told, and never as success. */
static void
every_ceiling(void **state)
{
	static const char want[] =
	    "{\"a\":\"x\\n\\u0001\\\"y\",\"n\":12,\"o\":";

	(void)state;
	for (size_t max = 0; max < sizeof(want); max++) {
		struct buf b;

		buf_init(&b, max);
		assert_int_equal(write_all(&b), max == sizeof(want) - 1 ?
		    ERR_OK : ERR_TOOBIG);
		assert_memory_equal(buf_str(&b), want, b.len);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),
		cmocka_unit_test(reader_reads_it_back),
		cmocka_unit_test(every_byte_everywhere),
		cmocka_unit_test(members),
		cmocka_unit_test(no_comma_at_the_beginning),
		cmocka_unit_test(every_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
