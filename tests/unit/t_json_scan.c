/*
 * The look at raw JSON, alone: how far it gets, and with which problem, must
 * not depend on the cut.  What it leaves to yajl, it must let pass.
 */
#include "codec/json_scan.h"

#include "big.h"
#include "codec/sax.h"

#include <stdio.h>
#include <string.h>

#define RAW_MAX ((size_t)6 * SAX_VALUE_MAX)	/* as in json_scan.c */

#define NUL "a NUL byte"
#define NUL_ESCAPE "\\u0000 (NUL) in a string"
#define UTF8 "a byte that is not UTF-8"
#define BLANK "a byte that is no blank in JSON"
#define LONE "a lone surrogate in a string"

struct found {
	struct problem problem;
	size_t good;	/* bytes in order, over all pieces */
	int64_t string_at;	/* where the open string began */
	bool whole;
};

static struct found
scan(struct text in, size_t first, size_t piece)
{
	struct json_scan j = { 0 };
	struct found f = { 0 };
	size_t n = first;

	for (size_t i = 0; i < in.n; i += n, n = piece) {
		size_t good;

		if (n > in.n - i)
			n = in.n - i;
		good = json_scan(&j, in.p + i, n, &f.problem);
		f.good += good;
		assert_true(good <= n);
		assert_int_equal(good < n, f.problem.err != ERR_OK);
		if (f.problem.err != ERR_OK)
			return f;
		assert_int_equal(j.at, i + n);
	}
	f.whole = json_scan_whole(&j);
	f.string_at = f.whole ? 0 : j.string_at;
	return f;
}

static void
scan_cut(const struct found *want, struct text in, size_t first, size_t piece)
{
	struct found f = scan(in, first, piece);

	assert_memory_equal(&f.problem, &want->problem, sizeof(f.problem));
	assert_int_equal(f.good, want->good);
	assert_int_equal(f.whole, want->whole);
	assert_int_equal(f.string_at, want->string_at);
}

/* For every cut: the problem, and that all bytes before it are good. */
static void
scan_finds(struct text in, enum err e, size_t at, const char *text)
{
	struct found f = scan(in, in.n, 1);

	assert_int_equal(f.problem.err, e);
	assert_string_equal(f.problem.text, text);
	assert_int_equal(f.problem.at, e == ERR_OK ? 0 : at);
	assert_int_equal(f.good, at);
	for (size_t n = 1; n <= 31; n++)
		scan_cut(&f, in, n, n);
}

static void
good(void **state)
{
	static const struct text cases[] = {
		T(""),
		T("{\"a\":[1,2e5,true,null],\"\":\"\"}"),
		T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uFFFF\""),
		T("\"\\\\\" \"\\\\u0000\" \"\\\\\\\\ud800\""),
		T("\"\\ud83d\\ude00\\uDBFF\\uDFFF\\ud7ff\\ue000\""),
		T("\"\xd0\x96\xe2\x82\xac\xf0\x9f\x98\x80\x7f\""),
		T("\xef\xbb\xbf{}"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		scan_finds(cases[i], ERR_OK, cases[i].n, "");
		assert_true(scan(cases[i], 1, 1).whole);
	}
}

/* Not one of its questions: yajl refuses these, the scan must not. */
static void
left_to_yajl(void **state)
{
	static const struct text cases[] = {
		T("nonsense }{ \\u0000 '"),
		T("\"\x01\n\""),
		T("\"\\x\\'\""),
		T("\"\\u12g4\""),
		T("\"\\u\""),
		T("\\ud800"),
		T("\"a\" \"\""),
		T("\"\f 1234567 \v \\\f\""),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		scan_finds(cases[i], ERR_OK, cases[i].n, "");
}

static void
bad(void **state)
{
	static const struct {
		struct text in;
		size_t at;
		const char *text;
	} cases[] = {
		{ T("\0"), 0, NUL },
		{ T("{}\0"), 2, NUL },
		{ T("\"a\0\""), 2, NUL },
		{ T("\"\\\0\""), 2, NUL },
		{ T("\"\\u0\0\""), 4, NUL },
		{ T("\"\\u0000\""), 6, NUL_ESCAPE },
		{ T("\"a\\\\\\u0000\""), 9, NUL_ESCAPE },
		{ T("\xff"), 0, UTF8 },
		{ T("\"\x80\""), 1, UTF8 },
		{ T("\"\xc0\xaf\""), 1, UTF8 },
		{ T("\"\xc3\""), 2, UTF8 },
		{ T("\"\xc3x\""), 2, UTF8 },
		{ T("\"\xe2\x82\""), 3, UTF8 },
		{ T("\"\xe0\x80\xaf\""), 2, UTF8 },
		{ T("\"\xed\xa0\x80\""), 2, UTF8 },
		{ T("\"\xf4\x90\x80\x80\""), 2, UTF8 },
		{ T("\"\xf5\""), 1, UTF8 },
		{ T("\"\\\x80\""), 2, UTF8 },
		{ T("\"\\ud800\""), 7, LONE },
		{ T("\"\\ud800x\""), 7, LONE },
		{ T("\"\\ud800\xd0\x96\""), 7, LONE },
		{ T("\"\\ud800\\n\""), 8, LONE },
		{ T("\"\\ud800\\\\\""), 8, LONE },
		{ T("\"\\udbff\\udbff\""), 12, LONE },
		{ T("\"\\ud800\\u0041\""), 12, LONE },
		{ T("\"\\ud800\\ue000\""), 12, LONE },
		{ T("\"\\udc00\""), 6, LONE },
		{ T("\"\\uDFFF\""), 6, LONE },
		{ T("\"\\ud83d\\ude00\\ude00\""), 18, LONE },
		{ T("\f"), 0, BLANK },
		{ T("\v{}"), 0, BLANK },
		{ T("{\"a\":\"bcdefghi\",\f\"j\":1}"), 16, BLANK },
		{ T("[1,2,3,4,5,6,7,8,9,10\v]"), 21, BLANK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		scan_finds(cases[i].in, ERR_INPUT, cases[i].at, cases[i].text);
}

/* A text ends within a string exactly between its quotes. */
static void
whole(void **state)
{
	static const struct text in = T("[\"a\\\"\\u0041\xd0\x96\",\"\"]");

	(void)state;
	for (size_t n = 0; n <= in.n; n++) {
		bool within = (n >= 2 && n <= 13) || n == 16;

		assert_int_equal(scan((struct text){ in.p, n }, 1, 1).whole,
		    !within);
	}
}

/* A string one byte over, whatever the byte and whatever the cut. */
static void
string_over(const char *last, size_t n_last, enum err e, const char *text)
{
	struct buf b = big("[\"", "x", RAW_MAX - n_last + 1, "");
	struct found f;

	assert_int_equal(buf_add(&b, last, n_last), ERR_OK);
	big_add(&b, "\"]", 1);
	f = scan(big_text(&b), b.len, 1);
	assert_int_equal(f.problem.err, e);
	assert_string_equal(f.problem.text, text);
	assert_int_equal(f.problem.at, 2 + RAW_MAX);
	assert_int_equal(f.good, 2 + RAW_MAX);
	for (size_t n = 1; n <= 31; n++)
		scan_cut(&f, big_text(&b), RAW_MAX - 15, n);
	scan_cut(&f, big_text(&b), 1, 4093);
	buf_free(&b);
}

static void
long_strings(void **state)
{
	struct buf b = big("\"", "x", RAW_MAX, "\",\"y\"");

	(void)state;
	scan_finds(big_text(&b), ERR_OK, b.len, "");
	buf_free(&b);
	b = big("", "\"xxxxxxxxxx\",", RAW_MAX / 8, "");
	scan_finds(big_text(&b), ERR_OK, b.len, "");
	buf_free(&b);
	b = big("", "1234567890", RAW_MAX / 5, "");
	scan_finds(big_text(&b), ERR_OK, b.len, "");
	buf_free(&b);
	string_over("x", 1, ERR_TOOBIG, "a string is too long");
	string_over("\x01", 1, ERR_TOOBIG, "a string is too long");
	string_over("\xd0\x96", 2, ERR_TOOBIG, "a string is too long");
	string_over("\\n", 2, ERR_TOOBIG, "a string is too long");
	string_over("\\u0041", 6, ERR_TOOBIG, "a string is too long");
	string_over("\0", 1, ERR_INPUT, NUL);
}

/* By the byte there is only the state machine: words must say the same. */
static void
same_by_bytes(const char *s, size_t n)
{
	struct found want = scan((struct text){ s, n }, 1, 1);

	scan_cut(&want, (struct text){ s, n }, n, 1);
	scan_cut(&want, (struct text){ s, n }, n / 2 + 1, n);
}

/* Every byte at every place of a word, within a string and outside. */
static void
every_byte_everywhere(void **state)
{
	static const char *const around[] = { "xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"\"xxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"\"\"\"\"\"\"\"xxxxxx\"xxxxxx\"xxxx\"",
		"\"\xd0\x96\xd0\x96\\nx\\u0041xxxxxxxxxxxxxxx",
		"\"\\ud83d\\ude00\\ud83d\\ude00xxxxx" };
	char s[32];

	(void)state;
	for (size_t k = 0; k < COUNT(around); k++) {
		size_t n = strlen(around[k]);

		for (int c = 0; c < 256; c++) {
			for (size_t at = 0; at < n; at++) {
				memcpy(s, around[k], n);
				s[at] = (char)c;
				same_by_bytes(s, n);
			}
		}
	}
}

/* What takes several bytes, good or bad, behind runs of every length. */
static void
pieces_everywhere(void **state)
{
	static const char *const pieces[] = {
		"\\n", "\\\"", "\\\\", "\\u0041", "\\u0000", "\\u00g0",
		"\\u004", "\\ud800", "\\udc00", "\\ud83d\\ude00", "\\ud83dx",
		"\\\xd0\x96", "\xd0\x96", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"\xc0\xaf", "\xd0", "\xe2\x82", "\xf0\x9f\x98",
		"\xed\xa0\x80", "\xe0\x9f\xbf", "\xf4\x90\x80\x80", "\x80",
		"\"", "\"\"", "\",\"" };
	char s[64];

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		for (size_t k = 0; k < COUNT(pieces); k++) {
			for (size_t before = 0; before <= 18; before++) {
				int n = snprintf(s, sizeof(s), "%s%.*s%s%s%s",
				    before % 2 != 0 ? "\"" : "", (int)before,
				    "xxxxxxxxxxxxxxxxxx", pieces[i], pieces[k],
				    "yyyyyyyy\"");

				same_by_bytes(s, (size_t)n);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(left_to_yajl),
		cmocka_unit_test(bad),
		cmocka_unit_test(whole),
		cmocka_unit_test(long_strings),
		cmocka_unit_test(every_byte_everywhere),
		cmocka_unit_test(pieces_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
