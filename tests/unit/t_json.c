/*
 * The JSON reader: every case is fed whole and in pieces of every size, and
 * must make the same calls and tell the same problem each time.
 */
#include "codec/sax.h"

#include "big.h"
#include "expect.h"

#define ZHE "\xd0\x96"
#define EURO "\xe2\x82\xac"
#define SMILE "\xf0\x9f\x98\x80"
#define BOM "\xef\xbb\xbf"

#define NOT_JSON "not JSON"
#define EARLY "the JSON text is not complete"
#define IN_STRING "the body ends within a string"
#define IN_CHAR "the body ends within a character"
#define UTF8 "a byte that is not UTF-8"
#define LONE "a lone surrogate in a string"
#define BLANK "a byte that is no blank in JSON"
#define NUL "a NUL byte"
#define NUL_ESCAPE "\\u0000 (NUL) in a string"

static const struct good structures[] = {
	{ T("{}"), "" },
	{ T("[]"), "" },
	{ T("\"\""), "''" },
	{ T("null"), "null" },
	{ T(" \t\r\n[ ] \t\r\n"), "" },
	{ T("{\"a\":1}"), "a('1')" },
	{ T("{\"b\":1,\"a\":2,\"b\":3}"), "b('1')a('2')b('3')" },
	{ T("[1,\"x\",true,false,null]"), "0('1')1('x')2('1')3('0')4(null)" },
	{ T("{\"a\":{\"b\":{\"c\":1},\"d\":2}}"), "a(b(c('1'))d('2'))" },
	{ T("{\"a\":{},\"b\":[],\"c\":[{},[]]}"), "a()b()c(0()1())" },
	{ T("[[1,[2]],[3]]"), "0(0('1')1(0('2')))1(0('3'))" },
	{ T("[{\"a\":1},{\"a\":2}]"), "0(a('1'))1(a('2'))" },
	{ T("[0,0,0,0,0,0,0,0,0,0,0]"), "0('0')1('0')2('0')3('0')4('0')5('0')"
	    "6('0')7('0')8('0')9('0')10('0')" },
	{ T("{\"\":{\"\":\"\"}}"), "((''))" },
	{ T("{\"a\":\"\",\"b\":null,\"c\":\"0\"}"), "a('')b(null)c('0')" },
	{ T("{\"a[b]\":1,\"c.d\":2}"), "a[b]('1')c.d('2')" },
	{ T("{ \"a\" : [ 1 , 2 ] , \"b\" : \"\" }"), "a(0('1')1('2'))b('')" },
	{ T(BOM "{\"a\":1}"), "a('1')" },
	{ T(BOM " 1"), "'1'" },
	{ T("\"" BOM "\""), "'" BOM "'" },
};

static const struct good scalars[] = {
	{ T("0"), "'0'" },
	{ T("-0"), "'-0'" },
	{ T("-0.10e+05"), "'-0.10e+05'" },
	{ T("1E5"), "'1E5'" },
	{ T("1e999"), "'1e999'" },
	{ T("[9223372036854775808]"), "0('9223372036854775808')" },
	{ T("[-123456789012345678901234567890]"),
	    "0('-123456789012345678901234567890')" },
	{ T("{\"a\":0.30000000000000000000000000000004}"),
	    "a('0.30000000000000000000000000000004')" },
	{ T("true"), "'1'" },
	{ T("false"), "'0'" },
	{ T("\"null\""), "'null'" },
	{ T("\"it's (a) \\\\\""), "'it\\'s \\(a\\) \\\\'" },
	{ T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "'\"\\\\/\b\f\n\r\t'" },
	{ T("\"\\u0041\\u00e9\\u0416\\u20AC\\uffff\""),
	    "'A\xc3\xa9" ZHE EURO "\xef\xbf\xbf'" },
	{ T("\"\\u0001\\u001f\x7f\""), "'\x01\x1f\x7f'" },
	{ T("\"\\ud83d\\ude00\\uD83D\\uDE00\""), "'" SMILE SMILE "'" },
	{ T("\"\\ud800\\udc00\\udbff\\udfff\""),
	    "'\xf0\x90\x80\x80\xf4\x8f\xbf\xbf'" },
	{ T("\"x\\ud83d\\ude00y\\\\u0000\""), "'x" SMILE "y\\\\u0000'" },
	{ T("{\"" ZHE EURO SMILE "\":\"" SMILE EURO ZHE "\"}"),
	    ZHE EURO SMILE "('" SMILE EURO ZHE "')" },
	{ T("{\"\\u0416\\ud83d\\ude00\\n\":\"\\u0416x\"}"),
	    ZHE SMILE "\n('" ZHE "x')" },
};

/*
 * The offset is the bad byte's or the one behind it; of a token out of place
 * it is the end of the last value, key or bracket before.
 */
static const struct bad not_json[] = {
	{ T(""), ERR_INPUT, 0, EARLY },
	{ T(" \n"), ERR_INPUT, 2, EARLY },
	{ T(BOM), ERR_INPUT, 3, EARLY },
	{ T(BOM BOM "1"), ERR_INPUT, 4, NOT_JSON },
	{ T(" " BOM "1"), ERR_INPUT, 2, NOT_JSON },
	{ T("\xef\xbb\xbe" "1"), ERR_INPUT, 3, NOT_JSON },
	{ T("{\"a\":1,}"), ERR_INPUT, 6, NOT_JSON },
	{ T("{,}"), ERR_INPUT, 1, NOT_JSON },
	{ T("[1,]"), ERR_INPUT, 2, NOT_JSON },
	{ T("[,1]"), ERR_INPUT, 1, NOT_JSON },
	{ T("[1 2]"), ERR_INPUT, 2, NOT_JSON },
	{ T("{\"a\" 1}"), ERR_INPUT, 4, NOT_JSON },
	{ T("{\"a\":}"), ERR_INPUT, 4, NOT_JSON },
	{ T("{\"a\"}"), ERR_INPUT, 4, NOT_JSON },
	{ T("{\"a\":1 \"b\":2}"), ERR_INPUT, 6, NOT_JSON },
	{ T("{\"a\":1 \"bcdef\":2}"), ERR_INPUT, 6, NOT_JSON },
	{ T("{\"a\":1 \"b\\u0041\":2}"), ERR_INPUT, 6, NOT_JSON },
	{ T("{\"a\":1 23456}"), ERR_INPUT, 6, NOT_JSON },
	{ T("{\"a\":[] null}"), ERR_INPUT, 7, NOT_JSON },
	{ T("{\"a\" \"bcdef\"}"), ERR_INPUT, 4, NOT_JSON },
	{ T("[1 \"abcdef\"]"), ERR_INPUT, 2, NOT_JSON },
	{ T("{12345:1}"), ERR_INPUT, 1, NOT_JSON },
	{ T("{1:2}"), ERR_INPUT, 1, NOT_JSON },
	{ T("{a:1}"), ERR_INPUT, 2, NOT_JSON },
	{ T("{'a':1}"), ERR_INPUT, 2, NOT_JSON },
	{ T("[1}"), ERR_INPUT, 2, NOT_JSON },
	{ T("{\"a\":1]"), ERR_INPUT, 6, NOT_JSON },
	{ T("}"), ERR_INPUT, 0, NOT_JSON },
	{ T("<html>"), ERR_INPUT, 1, NOT_JSON },
	{ T("a=1&b=2"), ERR_INPUT, 1, NOT_JSON },
	{ T("/* c */ {}"), ERR_INPUT, 0, NOT_JSON },
	{ T("{} // c"), ERR_INPUT, 2, NOT_JSON },
	{ T("[1/**/]"), ERR_INPUT, 2, NOT_JSON },
	{ T("NaN"), ERR_INPUT, 1, NOT_JSON },
	{ T("[Infinity]"), ERR_INPUT, 2, NOT_JSON },
	{ T("TRUE"), ERR_INPUT, 1, NOT_JSON },
	{ T("[nulL]"), ERR_INPUT, 4, NOT_JSON },
	{ T("+1"), ERR_INPUT, 1, NOT_JSON },
	{ T(".5 "), ERR_INPUT, 1, NOT_JSON },
	{ T("1. "), ERR_INPUT, 2, NOT_JSON },
	{ T("1e "), ERR_INPUT, 2, NOT_JSON },
	{ T("[-x]"), ERR_INPUT, 2, NOT_JSON },
	{ T("[01]"), ERR_INPUT, 2, NOT_JSON },
	{ T("0x1"), ERR_INPUT, 1, NOT_JSON },
	{ T("-"), ERR_INPUT, 1, EARLY },
	{ T("1e"), ERR_INPUT, 2, EARLY },
	{ T("tru"), ERR_INPUT, 3, EARLY },
};

static const struct bad garbage[] = {
	{ T("{}{}"), ERR_INPUT, 2, NOT_JSON },
	{ T("{} ]"), ERR_INPUT, 2, NOT_JSON },
	{ T("{},"), ERR_INPUT, 2, NOT_JSON },
	{ T("{}x"), ERR_INPUT, 2, NOT_JSON },
	{ T("{}1 "), ERR_INPUT, 2, NOT_JSON },
	{ T("{}1"), ERR_INPUT, 3, EARLY },
	{ T("{} tru"), ERR_INPUT, 6, EARLY },
	{ T("1 2 "), ERR_INPUT, 1, NOT_JSON },
	{ T("\"a\" \"b\""), ERR_INPUT, 3, NOT_JSON },
	{ T("{}\""), ERR_INPUT, 3, IN_STRING },
	{ T("{} \"b\\\""), ERR_INPUT, 7, IN_STRING },
	{ T("{}\"\\ud83d"), ERR_INPUT, 9, IN_STRING },
	{ T("{}\0"), ERR_INPUT, 2, NUL },
	{ T("{} \xff"), ERR_INPUT, 3, UTF8 },
};

/* yajl takes them for blanks; RFC 8259 does not. */
static const struct bad blanks[] = {
	{ T("\f{}"), ERR_INPUT, 0, BLANK },
	{ T("\v"), ERR_INPUT, 0, BLANK },
	{ T("{}\f"), ERR_INPUT, 2, BLANK },
	{ T("{\"a\":1} \v "), ERR_INPUT, 8, BLANK },
	{ T("{\"a\"\f:1}"), ERR_INPUT, 4, BLANK },
	{ T("{\"a\":\v1}"), ERR_INPUT, 5, BLANK },
	{ T("[1\f,2]"), ERR_INPUT, 2, BLANK },
	{ T("[true\v]"), ERR_INPUT, 5, BLANK },
	{ T("tr\fue"), ERR_INPUT, 2, BLANK },
	{ T("[\"0123456789\",\"\",\f\"\"]"), ERR_INPUT, 17, BLANK },
	/* what was wrong before it counts */
	{ T("{]\f"), ERR_INPUT, 1, NOT_JSON },
	{ T("\"\f\""), ERR_INPUT, 1, NOT_JSON },
	{ T("\"\\\v\""), ERR_INPUT, 2, NOT_JSON },
};

static const struct bad strings[] = {
	{ T("\"\x01\""), ERR_INPUT, 1, NOT_JSON },
	{ T("\"a\n\""), ERR_INPUT, 2, NOT_JSON },
	{ T("\"\\x\""), ERR_INPUT, 2, NOT_JSON },
	{ T("\"\\'\""), ERR_INPUT, 2, NOT_JSON },
	{ T("\"\\u12g4\""), ERR_INPUT, 5, NOT_JSON },
	{ T("\"\\u123\""), ERR_INPUT, 6, NOT_JSON },
	{ T("\"\\U0041\""), ERR_INPUT, 2, NOT_JSON },
	{ T("\"\0\""), ERR_INPUT, 1, NUL },
	{ T("{\"a\0\":1}"), ERR_INPUT, 3, NUL },
	{ T("\0"), ERR_INPUT, 0, NUL },
	{ T("[1\0]"), ERR_INPUT, 2, NUL },
	{ T("\"\\u0000\""), ERR_INPUT, 6, NUL_ESCAPE },
	{ T("{\"a\\u0000\":1}"), ERR_INPUT, 8, NUL_ESCAPE },
	{ T("[1,\"\\ud83d\"]"), ERR_INPUT, 10, LONE },
	{ T("\"\\ud83dx\""), ERR_INPUT, 7, LONE },
	{ T("\"\\ud83d\\n\""), ERR_INPUT, 8, LONE },
	{ T("\"\\ud83d\\u0041\""), ERR_INPUT, 12, LONE },
	{ T("\"\\ud83d\\ud83d\\ude00\""), ERR_INPUT, 12, LONE },
	{ T("{\"\\ude00\":1}"), ERR_INPUT, 7, LONE },
	{ T("\"\xff\""), ERR_INPUT, 1, UTF8 },
	{ T("\"\xc0\x80\""), ERR_INPUT, 1, UTF8 },
	{ T("\"\xe0\x9f\x80\""), ERR_INPUT, 2, UTF8 },
	{ T("\"\xed\xa0\x80\""), ERR_INPUT, 2, UTF8 },
	{ T("\"\xf4\x90\x80\x80\""), ERR_INPUT, 2, UTF8 },
	{ T("\"\xd0\""), ERR_INPUT, 2, UTF8 },
	{ T("{\"\xd0\":1}"), ERR_INPUT, 3, UTF8 },
	{ T("\xff"), ERR_INPUT, 0, UTF8 },
	{ T("\"\xd0"), ERR_INPUT, 2, IN_CHAR },
	{ T("\xef\xbb"), ERR_INPUT, 2, IN_CHAR },
	/* the problem of the first bad byte, whoever finds it */
	{ T("[1,,\"\xff\"]"), ERR_INPUT, 2, NOT_JSON },
	{ T("[1,\"\xff\",,]"), ERR_INPUT, 4, UTF8 },
	{ T("[x\0]"), ERR_INPUT, 2, NOT_JSON },
	{ T("\"\\x\\ud800\""), ERR_INPUT, 2, NOT_JSON },
};

static void
good_structures(void **state)
{
	(void)state;
	expect_good(&codec_json, structures, COUNT(structures));
}

static void
good_scalars(void **state)
{
	(void)state;
	expect_good(&codec_json, scalars, COUNT(scalars));
}

static void
bad_syntax(void **state)
{
	(void)state;
	expect_bad(&codec_json, not_json, COUNT(not_json));
}

static void
trailing_garbage(void **state)
{
	(void)state;
	expect_bad(&codec_json, garbage, COUNT(garbage));
	expect_bad(&codec_json, blanks, COUNT(blanks));
}

static void
bad_strings(void **state)
{
	(void)state;
	expect_bad(&codec_json, strings, COUNT(strings));
}

static const struct text journey = T("{\"event\":\"ADD\",\"data\":{"
    "\"" ZHE "\":[{\"id\":-1.5e3,\"t\":\"\\ud83d\\ude00" SMILE "\\n\"},"
    "[],{},\"\",true,false,null]},\"\":0}");

/* Cut off anywhere it is malformed: nothing of it may count as complete. */
static void
truncated(void **state)
{
	static const struct text texts[] = { T("{}"), T("[[]]"), T("\"a\""),
		T("true"), T("null"), T(" [1]"), T(BOM "{\"a\":12}") };

	(void)state;
	for (size_t i = 0; i <= COUNT(texts); i++) {
		struct text in = i < COUNT(texts) ? texts[i] : journey;

		for (size_t n = 0; n < in.n; n++) {
			struct run r = feed_cuts(&codec_json,
			    (struct text){ in.p, n }, 0);

			assert_int_equal(r.problem.err, ERR_INPUT);
			assert_int_equal(r.problem.at, n);
			feed_free(&r);
		}
	}
}

/* One bad byte in place of, or before, every byte. */
static void
bad_bytes_everywhere(void **state)
{
	static const char bytes[] = { 0, (char)0x80, (char)0xc0, (char)0xff };

	(void)state;
	for (size_t i = 0; i < journey.n * sizeof(bytes); i++) {
		size_t at = i / sizeof(bytes);
		char s[200];
		struct run r;

		assert_true(journey.n < sizeof(s));
		memcpy(s, journey.p, journey.n);
		if (s[at] == bytes[i % sizeof(bytes)] || (s[at] & 0xc0) == 0x80)
			continue;	/* 0x80 is good in some characters */
		s[at] = bytes[i % sizeof(bytes)];
		r = feed_cuts(&codec_json, (struct text){ s, journey.n }, 0);
		assert_int_equal(r.problem.err, ERR_INPUT);
		assert_int_equal(r.problem.at, at);
		assert_string_equal(r.problem.text, s[at] == 0 ? NUL : UTF8);
		feed_free(&r);
	}
}

static void
refusals(void **state)
{
	static const struct text number = T("12"), null = T("null"),
	    digits = T("[12,-3 ]");

	(void)state;
	expect_refusals(&codec_json, journey);
	expect_refusals(&codec_json, digits);
	expect_refusals(&codec_json, number);
	expect_refusals(&codec_json, null);
}

/* Behind which byte a refusal is told: the value's last. */
static void
refusal_is_placed(void **state)
{
	static const struct text in = T("{\"a\": 12 ,\"b\":\"x\"}");
	static const int64_t at[] = { 4, 8, 8, 13, 17, 17 };

	(void)state;
	for (size_t k = 1; k <= COUNT(at); k++) {
		struct run r = feed_cuts(&codec_json, in, k);

		assert_int_equal(r.problem.at, at[k - 1]);
		feed_free(&r);
	}
}

/* `open` n times around `middle`; exactly the cap, and one over. */
static void
depth_is(const char *open, const char *middle, const char *close, size_t n,
    enum err e)
{
	struct buf b = big("", open, n, middle);
	struct run r;

	big_add(&b, close, n);
	r = feed_cuts(&codec_json, big_text(&b), 0);
	assert_int_equal(r.problem.err, e);
	if (e != ERR_OK) {
		assert_string_equal(r.problem.text, "nested too deeply");
		assert_int_equal(r.problem.at,
		    SAX_DEPTH_MAX * strlen(open) + 1);
	}
	feed_free(&r);
	buf_free(&b);
}

static void
depth(void **state)
{
	(void)state;
	depth_is("{\"a\":", "1", "}", SAX_DEPTH_MAX, ERR_OK);
	depth_is("{\"a\":", "1", "}", SAX_DEPTH_MAX + 1, ERR_TOOBIG);
	depth_is("[", "null", "]", SAX_DEPTH_MAX, ERR_OK);
	depth_is("[", "null", "]", SAX_DEPTH_MAX + 1, ERR_TOOBIG);
	depth_is("[", "", "]", SAX_DEPTH_MAX, ERR_OK);
	depth_is("[", "", "]", SAX_DEPTH_MAX + 1, ERR_TOOBIG);
	depth_is("[", "", "]", 2000, ERR_TOOBIG);
}

/* The depth that was left counts no more. */
static void
depth_is_given_back(void **state)
{
	struct buf b = big("[", "[{}],", 100, "1]");
	struct run r = feed_cuts(&codec_json, big_text(&b), 0);

	(void)state;
	assert_int_equal(r.problem.err, ERR_OK);
	feed_free(&r);
	buf_free(&b);
}

static void
key_is(const char *spelled, const char *decoded, size_t times, enum err e)
{
	struct buf b = big("{\"", spelled, times, "\":1}");
	struct buf trace = big("", decoded, times, "('1')");
	struct run r = feed_cuts(&codec_json, big_text(&b), 0);

	if (e == ERR_OK)
		expect_trace(&r, big_text(&b), buf_str(&trace));
	else
		expect_problem(&r, big_text(&b), e,
		    (int64_t)(times * strlen(spelled)) + 3,
		    "a key is too long");
	feed_free(&r);
	buf_free(&trace);
	buf_free(&b);
}

static void
keys_have_a_cap(void **state)
{
	(void)state;
	key_is("k", "k", SAX_KEY_MAX, ERR_OK);
	key_is("k", "k", SAX_KEY_MAX + 1, ERR_TOOBIG);
	key_is(ZHE, ZHE, SAX_KEY_MAX / 2, ERR_OK);
	key_is(ZHE, ZHE, SAX_KEY_MAX / 2 + 1, ERR_TOOBIG);
	key_is("\\u0416", ZHE, SAX_KEY_MAX / 2, ERR_OK);
	key_is("\\u0416", ZHE, SAX_KEY_MAX / 2 + 1, ERR_TOOBIG);
	key_is("\\ud83d\\ude00", SMILE, SAX_KEY_MAX / 4, ERR_OK);
	key_is("\\ud83d\\ude00", SMILE, SAX_KEY_MAX / 4 + 1, ERR_TOOBIG);
}

static void
value_is(const char *quote, const char *spelled, const char *decoded,
    size_t times, const char *problem)
{
	struct buf b = big(quote, spelled, times, quote);
	struct buf trace = big("'", decoded, times, "'");
	struct run r = feed_big(&codec_json, big_text(&b));

	if (problem == NULL)
		expect_trace(&r, (struct text){ "", 0 }, buf_str(&trace));
	else
		expect_problem(&r, (struct text){ "", 0 }, ERR_TOOBIG,
		    r.problem.at, problem);
	assert_in_range(r.problem.at, 0, b.len);
	feed_free(&r);
	buf_free(&trace);
	buf_free(&b);
}

static void
values_have_a_cap(void **state)
{
	static const char value[] = "a value is too long",
	    string[] = "a string is too long";
	const size_t max = SAX_VALUE_MAX;

	(void)state;
	value_is("\"", "x", "x", max, NULL);
	value_is("\"", "x", "x", max + 1, value);
	value_is("\"", ZHE, ZHE, max / 2, NULL);
	value_is("\"", ZHE, ZHE, max / 2 + 1, value);
	value_is("\"", "\\u0041", "A", max, NULL);
	value_is("\"", "\\u0041", "A", max + 1, string);
	value_is("\"", "\\ud83d\\ude00", SMILE, max / 4, NULL);
	value_is("\"", "\\ud83d\\ude00", SMILE, max / 4 + 1, value);
	value_is("", "7", "7", max, NULL);
	value_is("", "7", "7", max + 1, value);
	value_is("\"", "x", "x", 6 * max + 1, string);
}

/* A string that never ends is not kept for ever. */
static void
endless_string(void **state)
{
	struct buf b = big("{\"a\":\"", "xxxxxxxxxxxxxxxx", SAX_VALUE_MAX / 2,
	    "");
	struct run r;

	(void)state;
	r = feed_big(&codec_json, big_text(&b));
	expect_problem(&r, (struct text){ "", 0 }, ERR_TOOBIG,
	    6 + 6 * (int64_t)SAX_VALUE_MAX, "a string is too long");
	feed_free(&r);
	buf_free(&b);
}

static void
close_without_end(void **state)
{
	struct problem p = { 0 };
	struct trace t = { .problem = &p };
	const struct sax sax = { trace_enter, trace_value, trace_leave, &t };
	void *reader = codec_json.open(&sax, &p);

	(void)state;
	buf_init(&t.text, TRACE_MAX);
	assert_string_equal(codec_json.name, "JSON");
	assert_int_equal(codec_json.feed(reader, "{\"a\":[\"x", 8), ERR_OK);
	codec_json.close(reader);
	codec_json.close(NULL);
	buf_free(&t.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_structures),
		cmocka_unit_test(good_scalars),
		cmocka_unit_test(bad_syntax),
		cmocka_unit_test(trailing_garbage),
		cmocka_unit_test(bad_strings),
		cmocka_unit_test(truncated),
		cmocka_unit_test(bad_bytes_everywhere),
		cmocka_unit_test(refusals),
		cmocka_unit_test(refusal_is_placed),
		cmocka_unit_test(depth),
		cmocka_unit_test(depth_is_given_back),
		cmocka_unit_test(keys_have_a_cap),
		cmocka_unit_test(values_have_a_cap),
		cmocka_unit_test(endless_string),
		cmocka_unit_test(close_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
