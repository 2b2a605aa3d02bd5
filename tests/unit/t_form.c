/*
 * The form reader: every case is fed whole and in pieces of every size, and
 * must make the same calls and tell the same problem each time.
 */
#include "codec/sax.h"

#include "big.h"
#include "expect.h"

#define ZHE "\xd0\x96"
#define SMILE "\xf0\x9f\x98\x80"

#define NO_NAME "a pair without a name"
#define NO_VALUE "a name without a value"
#define BRACKETS "a name's brackets do not match"
#define DIGITS "a % without two hex digits"
#define UTF8 "a byte that is not UTF-8"
#define NUL "a NUL byte"
#define IN_NAME "a name ends within a character"
#define IN_VALUE "a value ends within a character"

static const struct good pairs[] = {
	{ T(""), "" },
	{ T("&&"), "" },
	{ T("a=1"), "a('1')" },
	{ T("a="), "a('')" },
	{ T("b=1&a=2&b=3"), "b('1')a('2')b('3')" },
	{ T("&a=1&&b=2&"), "a('1')b('2')" },
	{ T("a=b=c=&d=="), "a('b=c=')d('=')" },
	{ T("a=[x]&b=]["), "a('[x]')b('][')" },
	{ T("a=null&b=true&c=0"), "a('null')b('true')c('0')" },
	{ T("a=it's+(a)+\\"), "a('it\\'s \\(a\\) \\\\')" },
	{ T("a+b=c+d&%20=%2B"), "a b('c d') ('+')" },
	{ T("%61%3D=%26%3d%25%2526"), "a=('&=%%26')" },
	{ T("a.b=1&c-d_e=2"), "a.b('1')c-d_e('2')" },
	{ T("a=%0D%0a%09\n\x01\x7f"), "a('\r\n\t\n\x01\x7f')" },
	{ T("%D0%96=%f0%9F%98%80"), ZHE "('" SMILE "')" },
	{ T(ZHE "=" SMILE "&x=" ZHE), ZHE "('" SMILE "')x('" ZHE "')" },
	{ T("a=%d0\x96\xf0%9f\x98%80"), "a('" ZHE SMILE "')" },
	{ T("a=%5Cu0000&b=\"%22"), "a('\\\\u0000')b('\"\"')" },
};

static const struct good nested[] = {
	{ T("a[b]=1"), "a(b('1'))" },
	{ T("a%5Bb%5D=1&a%5bc%5d=2"), "a(b('1')c('2'))" },
	{ T("a%5Bb]=1&a[b%5D[c]=2"), "a(b('1')b(c('2')))" },
	{ T("a[b][c]=1&a[b][d]=2&a[e]=3&f=4"),
	    "a(b(c('1')d('2'))e('3'))f('4')" },
	{ T("a[b]=1&c[b]=2&a[d]=3"), "a(b('1'))c(b('2'))a(d('3'))" },
	{ T("a[b][c][d]=1&a[x][c][d]=2"), "a(b(c(d('1')))x(c(d('2'))))" },
	{ T("a[b][c]=1&a[b]=2&a=3"), "a(b(c('1'))b('2'))a('3')" },
	{ T("a=1&a[b]=2&a[b][c]=3"), "a('1')a(b('2')b(c('3')))" },
	{ T("ab[c]=1&a[c]=2&abc[c]=3"), "ab(c('1'))a(c('2'))abc(c('3'))" },
	{ T("a[b]=1&&a[c]=2"), "a(b('1')c('2'))" },
	{ T("a[10]=1&a[2]=2&a[02]=3"), "a(10('1')2('2')02('3'))" },
	{ T("a[]=1&a[]=2"), "a([]('1')[]('2'))" },
	{ T("a[][b]=1&a[][c]=2"), "a([](b('1'))[](c('2')))" },
	{ T("a[][b]=1&a[0][b]=2&a[][]=3"),
	    "a([](b('1'))0(b('2'))[]([]('3')))" },
	{ T("a[b[c]=1"), "a(b[c('1'))" },
	{ T("a[ ]=1&a[+]=2"), "a( ('1') ('2'))" },
	{ T("a[b%3Dc]=1"), "a(b=c('1'))" },
	{ T("d[MESSAGES][0][im][chat_id]=845&d[MESSAGES][0][im][message_id]=9"
	    "&d[MESSAGES][0][message][text]=x&d[MESSAGES][1][im][chat_id]=7"
	    "&ts=5"),
	    "d(MESSAGES(0(im(chat_id('845')message_id('9'))message(text('x')))"
	    "1(im(chat_id('7')))))ts('5')" },
};

static const struct bad malformed[] = {
	{ T("a"), ERR_INPUT, 1, NO_VALUE },
	{ T("a&b=1"), ERR_INPUT, 1, NO_VALUE },
	{ T("a=1&b"), ERR_INPUT, 5, NO_VALUE },
	{ T("{\"a\":1}"), ERR_INPUT, 7, NO_VALUE },
	{ T("=1"), ERR_INPUT, 0, NO_NAME },
	{ T("a=1&=2"), ERR_INPUT, 4, NO_NAME },
	{ T("[a]=1"), ERR_INPUT, 3, NO_NAME },
	{ T("]=1"), ERR_INPUT, 1, NO_NAME },
	{ T("a[=1"), ERR_INPUT, 2, BRACKETS },
	{ T("a[b=1"), ERR_INPUT, 3, BRACKETS },
	{ T("a[b=c]=1"), ERR_INPUT, 3, BRACKETS },
	{ T("a[b]c=1"), ERR_INPUT, 5, BRACKETS },
	{ T("a[b]]=1"), ERR_INPUT, 5, BRACKETS },
	{ T("a]=1"), ERR_INPUT, 2, BRACKETS },
	{ T("a%5B%5=1"), ERR_INPUT, 6, DIGITS },
	{ T("a[b][=1"), ERR_INPUT, 5, BRACKETS },
	{ T("a=1&b%5Bc=2"), ERR_INPUT, 9, BRACKETS },
	{ T("%"), ERR_INPUT, 1, DIGITS },
	{ T("a=%"), ERR_INPUT, 3, DIGITS },
	{ T("a=%4"), ERR_INPUT, 4, DIGITS },
	{ T("a=%&b=1"), ERR_INPUT, 3, DIGITS },
	{ T("a=%4&b=1"), ERR_INPUT, 4, DIGITS },
	{ T("a=%%41"), ERR_INPUT, 3, DIGITS },
	{ T("a=%4g"), ERR_INPUT, 4, DIGITS },
	{ T("a=%G4"), ERR_INPUT, 3, DIGITS },
	{ T("a=%+1"), ERR_INPUT, 3, DIGITS },
	{ T("a=%u0041"), ERR_INPUT, 3, DIGITS },
	{ T("a=%\0"), ERR_INPUT, 3, DIGITS },
};

static const struct bad bytes[] = {
	{ T("a=\0"), ERR_INPUT, 2, NUL },
	{ T("\0"), ERR_INPUT, 0, NUL },
	{ T("a\0=1"), ERR_INPUT, 1, NUL },
	{ T("a=%00"), ERR_INPUT, 4, NUL },
	{ T("%00=1"), ERR_INPUT, 2, NUL },
	{ T("a[%00]=1"), ERR_INPUT, 4, NUL },
	{ T("a=\xff"), ERR_INPUT, 2, UTF8 },
	{ T("a=%FF"), ERR_INPUT, 4, UTF8 },
	{ T("\x80=1"), ERR_INPUT, 0, UTF8 },
	{ T("a[%80]=1"), ERR_INPUT, 4, UTF8 },
	{ T("a=%C0%80"), ERR_INPUT, 4, UTF8 },
	{ T("a=%e0%9f%80"), ERR_INPUT, 7, UTF8 },
	{ T("a=%ED%A0%80"), ERR_INPUT, 7, UTF8 },
	{ T("a=%F4%90%80%80"), ERR_INPUT, 7, UTF8 },
	{ T("a=%D0x"), ERR_INPUT, 5, UTF8 },
	{ T("a=%D0+"), ERR_INPUT, 5, UTF8 },
	{ T("a=%D0="), ERR_INPUT, 5, UTF8 },
	{ T("a=%D0\0"), ERR_INPUT, 5, NUL },
	{ T("a=%D0&b=1"), ERR_INPUT, 5, IN_VALUE },
	{ T("a=1&b=\xf0\x9f\x98"), ERR_INPUT, 9, IN_VALUE },
	{ T("%D0=1"), ERR_INPUT, 3, IN_NAME },
	{ T("a[\xe2\x82]=1"), ERR_INPUT, 4, UTF8 },
	{ T("%D0&a=1"), ERR_INPUT, 3, NO_VALUE },
	{ T("%D0"), ERR_INPUT, 3, NO_VALUE },
};

static void
good_pairs(void **state)
{
	(void)state;
	expect_good(&codec_form, pairs, COUNT(pairs));
}

static void
good_nesting(void **state)
{
	(void)state;
	expect_good(&codec_form, nested, COUNT(nested));
}

static void
bad_pairs(void **state)
{
	(void)state;
	expect_bad(&codec_form, malformed, COUNT(malformed));
}

static void
bad_bytes(void **state)
{
	(void)state;
	expect_bad(&codec_form, bytes, COUNT(bytes));
}

static const struct text journey = T("event=ADD&data%5B" ZHE "%5D[0][id]=-1"
    "&data[%D0%96][0][t]=%F0%9F%98%80" SMILE "+x&data[" ZHE "][]=&&ts=5");

/* A form may end after any pair, but the verdict depends on no cut. */
static void
truncated(void **state)
{
	(void)state;
	for (size_t n = 0; n < journey.n; n++) {
		struct run r = feed_cuts(&codec_form,
		    (struct text){ journey.p, n }, 0);

		if (r.problem.err != ERR_OK) {
			assert_int_equal(r.problem.err, ERR_INPUT);
			assert_int_equal(r.problem.at, n);
		}
		feed_free(&r);
	}
}

/* Bad bytes, bare and as %XX, before every byte of it. */
static void
bad_bytes_everywhere(void **state)
{
	static const char *const bad[] = { "\xff", "%FF", "\xc1", "%c0",
		"%00" };

	(void)state;
	for (size_t i = 0; i < journey.n * COUNT(bad); i++) {
		size_t at = i / COUNT(bad), n = strlen(bad[i % COUNT(bad)]);
		char s[200];
		struct run r;

		assert_true(journey.n + n < sizeof(s));
		memcpy(s, journey.p, at);
		memcpy(s + at, bad[i % COUNT(bad)], n);
		memcpy(s + at + n, journey.p + at, journey.n - at);
		r = feed_cuts(&codec_form, (struct text){ s, journey.n + n },
		    0);
		assert_int_equal(r.problem.err, ERR_INPUT);
		assert_in_range(r.problem.at, at, at + n);
		feed_free(&r);
	}
}

static void
refusals(void **state)
{
	static const struct text nests = T("a[b][c]=1&a[b][d]=2&x=&a[][y]=3");

	(void)state;
	expect_refusals(&codec_form, journey);
	expect_refusals(&codec_form, nests);
}

/* Behind which byte a refusal is told: the & or the end behind the pair. */
static void
refusal_is_placed(void **state)
{
	static const struct text in = T("a[b]=12&c=3");
	static const int64_t at[] = { 7, 7, 7, 7, 11, 11, 11, 11 };

	(void)state;
	for (size_t k = 1; k <= COUNT(at); k++) {
		struct run r = feed_cuts(&codec_form, in, k);

		assert_int_equal(r.problem.at, at[k - 1]);
		feed_free(&r);
	}
}

/* The same name twice, so that its second reading starts from the first. */
static void
depth_is(const char *key, size_t n, enum err e)
{
	struct buf b = big("a", key, n - 1, "=1&a");
	struct run r;

	big_add(&b, key, n - 1);
	big_add(&b, "=2", 1);
	r = feed_cuts(&codec_form, big_text(&b), 0);
	if (e == ERR_OK)
		assert_int_equal(r.problem.err, ERR_OK);
	else
		expect_problem(&r, big_text(&b), e,
		    (int64_t)(1 + (n - 1) * strlen(key)), "nested too deeply");
	feed_free(&r);
	buf_free(&b);
}

static void
depth(void **state)
{
	(void)state;
	depth_is("[b]", SAX_DEPTH_MAX, ERR_OK);
	depth_is("[b]", SAX_DEPTH_MAX + 1, ERR_TOOBIG);
	depth_is("[]", SAX_DEPTH_MAX, ERR_OK);
	depth_is("%5B%5D", SAX_DEPTH_MAX + 1, ERR_TOOBIG);
	depth_is("[]", 2000, ERR_TOOBIG);
}

/* As the name's first key and as a later one. */
static void
key_is(const char *spelled, const char *decoded, size_t times, enum err e)
{
	for (int later = 0; later < 2; later++) {
		struct buf b = big(later ? "a[" : "", spelled, times,
		    later ? "]=1" : "=1");
		struct buf trace = big(later ? "a(" : "", decoded, times,
		    later ? "('1'))" : "('1')");
		struct run r = feed_cuts(&codec_form, big_text(&b), 0);

		if (e == ERR_OK)
			expect_trace(&r, big_text(&b), buf_str(&trace));
		else
			expect_problem(&r, big_text(&b), e,
			    (int64_t)b.len - 2, "a key is too long");
		feed_free(&r);
		buf_free(&trace);
		buf_free(&b);
	}
}

static void
keys_have_a_cap(void **state)
{
	(void)state;
	key_is("k", "k", SAX_KEY_MAX, ERR_OK);
	key_is("k", "k", SAX_KEY_MAX + 1, ERR_TOOBIG);
	key_is("%6b", "k", SAX_KEY_MAX, ERR_OK);
	key_is(ZHE, ZHE, SAX_KEY_MAX / 2, ERR_OK);
	key_is(ZHE, ZHE, SAX_KEY_MAX / 2 + 1, ERR_TOOBIG);
	key_is("%D0%96", ZHE, SAX_KEY_MAX / 2 + 1, ERR_TOOBIG);
	key_is("%F0%9F%98%80", SMILE, SAX_KEY_MAX / 4, ERR_OK);
}

/* The longest name there can be: every key and the depth at their caps. */
static void
names_have_a_cap(void **state)
{
	struct buf key = big("[", "k", SAX_KEY_MAX, "]");
	struct buf b = big("", "k", SAX_KEY_MAX, "");
	struct buf endless = big("a=1&", "kkkkkkkkkk", 10000, "");
	struct run r;

	(void)state;
	big_add(&b, buf_str(&key), SAX_DEPTH_MAX - 1);
	big_add(&b, "=1", 1);
	r = feed_cuts(&codec_form, big_text(&b), 0);
	assert_int_equal(r.problem.err, ERR_OK);
	assert_int_equal(r.trace.calls, 2 * SAX_DEPTH_MAX + 1);
	feed_free(&r);
	/* a name that never ends is not kept for ever */
	r = feed_big(&codec_form, big_text(&endless));
	assert_string_equal(r.problem.text, "a name is too long");
	assert_int_equal(r.problem.err, ERR_TOOBIG);
	assert_in_range(r.problem.at, b.len, 2 * b.len);
	feed_free(&r);
	buf_free(&endless);
	buf_free(&b);
	buf_free(&key);
}

static void
value_is(const char *spelled, const char *decoded, size_t times, enum err e)
{
	struct buf b = big("a=", spelled, times, "&b=1");
	struct buf trace = big("a('", decoded, times, "')b('1')");
	struct run r = feed_big(&codec_form, big_text(&b));

	if (e == ERR_OK)
		expect_trace(&r, (struct text){ "", 0 }, buf_str(&trace));
	else
		expect_problem(&r, (struct text){ "", 0 }, e,
		    (int64_t)b.len - 5, "a value is too long");
	feed_free(&r);
	buf_free(&trace);
	buf_free(&b);
}

static void
values_have_a_cap(void **state)
{
	const size_t max = SAX_VALUE_MAX;

	(void)state;
	value_is("x", "x", max, ERR_OK);
	value_is("x", "x", max + 1, ERR_TOOBIG);
	value_is("+", " ", max, ERR_OK);
	value_is("=", "=", max + 1, ERR_TOOBIG);
	value_is("%41", "A", max, ERR_OK);
	value_is("%41", "A", max + 1, ERR_TOOBIG);
	value_is(ZHE, ZHE, max / 2, ERR_OK);
	value_is("%D0%96", ZHE, max / 2, ERR_OK);
	value_is("%F0%9F%98%80", SMILE, max / 4, ERR_OK);
}

static void
close_without_end(void **state)
{
	struct problem p = { 0 };
	struct trace t = { .problem = &p };
	const struct sax sax = { trace_enter, trace_value, trace_leave, &t };
	void *reader = codec_form.open(&sax, &p);

	(void)state;
	buf_init(&t.text, TRACE_MAX);
	assert_string_equal(codec_form.name, "form");
	assert_int_equal(codec_form.feed(reader, "a[b]=1&c", 8), ERR_OK);
	codec_form.close(reader);
	codec_form.close(NULL);
	buf_free(&t.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_pairs),
		cmocka_unit_test(good_nesting),
		cmocka_unit_test(bad_pairs),
		cmocka_unit_test(bad_bytes),
		cmocka_unit_test(truncated),
		cmocka_unit_test(bad_bytes_everywhere),
		cmocka_unit_test(refusals),
		cmocka_unit_test(refusal_is_placed),
		cmocka_unit_test(depth),
		cmocka_unit_test(keys_have_a_cap),
		cmocka_unit_test(names_have_a_cap),
		cmocka_unit_test(values_have_a_cap),
		cmocka_unit_test(close_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
