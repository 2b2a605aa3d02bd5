/*
 * The two readers against one another: what one event spells in JSON and in
 * a form makes the same calls.  And both against broken texts without end:
 * whatever the bytes, no cut changes the calls or the problem.
 */
#include "codec/sax.h"

#include "expect.h"

#define SMILE "\xf0\x9f\x98\x80"

static const struct {
	struct text json;
	struct text form;
} pairs[] = {
	{ T("{}"), T("") },
	{ T("{\"a\":\"1\"}"), T("a=1") },
	{ T("{\"a\":\"\"}"), T("a=") },
	{ T("{\"a\":true,\"b\":false}"), T("a=1&b=0") },
	{ T("{\"a\":0.50,\"b\":1e999}"), T("a=0.50&b=1e999") },
	{ T("{\"a\":{\"b\":1,\"c\":2}}"), T("a[b]=1&a[c]=2") },
	{ T("{\"a\":{\"b\":1},\"c\":2,\"a\":{\"d\":3}}"),
	    T("a[b]=1&c=2&a[d]=3") },
	{ T("{\"a\":[1,[2,3],{\"x\":4}]}"),
	    T("a[0]=1&a[1][0]=2&a[1][1]=3&a[2][x]=4") },
	{ T("{\"a\":{\"10\":\"x\",\"2\":\"y\"}}"), T("a[10]=x&a[2]=y") },
	{ T("{\"a\":\" +%&=\"}"), T("a=+%2B%25%26%3D") },
	{ T("{\"\\u0416 \":\"\\ud83d\\ude00\\n\"}"),
	    T("%D0%96+=" SMILE "%0A") },
	{ T("{\"event\":\"ONIMCONNECTORMESSAGEADD\",\"data\":{"
	    "\"CONNECTOR\":\"myconnector\",\"LINE\":107,\"MESSAGES\":["
	    "{\"im\":{\"chat_id\":845,\"message_id\":9},\"message\":{"
	    "\"text\":\"[b]x[\\/b]\"},\"chat\":{\"id\":\"u-1\"}}]},"
	    "\"ts\":1773759161,\"auth\":{\"domain\":\"a.bitrix24.com\"}}"),
	  T("event=ONIMCONNECTORMESSAGEADD&data%5BCONNECTOR%5D=myconnector"
	    "&data%5BLINE%5D=107&data%5BMESSAGES%5D%5B0%5D%5Bim%5D%5Bchat_id"
	    "%5D=845&data%5BMESSAGES%5D%5B0%5D%5Bim%5D%5Bmessage_id%5D=9"
	    "&data[MESSAGES][0][message][text]=%5Bb%5Dx%5B%2Fb%5D"
	    "&data[MESSAGES][0][chat][id]=u-1&ts=1773759161"
	    "&auth[domain]=a.bitrix24.com") },
};

static void
same_event_same_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct run json = feed_cuts(&codec_json, pairs[i].json, 0);
		struct run form = feed_cuts(&codec_form, pairs[i].form, 0);

		expect_trace(&json, pairs[i].json, buf_str(&form.trace.text));
		expect_trace(&form, pairs[i].form, buf_str(&json.trace.text));
		feed_free(&json);
		feed_free(&form);
	}
}

/* An empty key in JSON is a key; in a form it is none. */
static void
only_a_form_counts(void **state)
{
	static const struct text json = T("{\"a\":{\"\":{\"b\":1}}}");
	static const struct text form = T("a[][b]=1");
	struct run j = feed_cuts(&codec_json, json, 0);
	struct run f = feed_cuts(&codec_form, form, 0);

	(void)state;
	expect_trace(&j, json, "a((b('1')))");
	expect_trace(&f, form, "a([](b('1')))");
	feed_free(&j);
	feed_free(&f);
}

/* Null and empty containers have no pair in a form. */
static void
only_json_says_nothing(void **state)
{
	static const struct text json = T("{\"a\":null,\"b\":[],\"c\":1}");
	static const struct text form = T("c=1");
	struct run j = feed_cuts(&codec_json, json, 0);
	struct run f = feed_cuts(&codec_form, form, 0);

	(void)state;
	expect_trace(&j, json, "a(null)b()c('1')");
	expect_trace(&f, form, "c('1')");
	feed_free(&j);
	feed_free(&f);
}

/* The same caps: what is too deep for one is too deep for the other. */
static void
same_depth(void **state)
{
	(void)state;
	for (size_t n = SAX_DEPTH_MAX - 1; n <= SAX_DEPTH_MAX + 1; n++) {
		char json[6 * SAX_DEPTH_MAX + 20] = "", form[400] = "a";
		size_t nj = 0, nf = 1;
		struct run j, f;

		for (size_t i = 0; i < n; i++, nj += 5)
			memcpy(json + nj, "{\"a\":", 5);
		json[nj++] = '1';
		for (size_t i = 0; i < n; i++)
			json[nj++] = '}';
		for (size_t i = 1; i < n; i++, nf += 3)
			memcpy(form + nf, "[a]", 3);
		memcpy(form + nf, "=1", 2);
		nf += 2;
		j = feed_cuts(&codec_json, (struct text){ json, nj }, 0);
		f = feed_cuts(&codec_form, (struct text){ form, nf }, 0);
		assert_int_equal(j.problem.err, n > SAX_DEPTH_MAX ?
		    ERR_TOOBIG : ERR_OK);
		assert_int_equal(f.problem.err, j.problem.err);
		if (j.problem.err == ERR_OK)
			assert_string_equal(buf_str(&j.trace.text),
			    buf_str(&f.trace.text));
		feed_free(&j);
		feed_free(&f);
	}
}

/* xorshift: the same texts on every machine and in every run. */
static size_t
chance(uint32_t *seed, size_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % n;
}

/* Replaces, cuts out or doubles a few bytes. */
static size_t
mutate(uint32_t *seed, char *s, size_t n, const char *bytes, size_t kinds)
{
	for (size_t k = chance(seed, 4) + 1; k > 0 && n > 1; k--) {
		size_t at = chance(seed, n);

		switch (chance(seed, 4)) {
		case 0:
			memmove(s + at, s + at + 1, n - at - 1);
			n--;
			break;
		case 1:
			memmove(s + at + 1, s + at, n - at);
			n++;
			break;
		default:
			s[at] = bytes[chance(seed, kinds)];
		}
	}
	return n;
}

/* A whole sweep of cuts for a few, two of them for many. */
static void
mutants(const struct codec *c, struct text in, const char *bytes,
    size_t kinds, uint32_t seed)
{
	for (int i = 0; i < 20000; i++) {
		char s[1000];
		struct run whole;
		struct text m;

		memcpy(s, in.p, in.n);
		m = (struct text){ s, mutate(&seed, s, in.n, bytes, kinds) };
		feed_run(&whole, c, m, (struct cut){ m.n, 1 }, 0);
		feed_cut(&whole, c, m, (struct cut){ 1, 1 });
		feed_cut(&whole, c, m, (struct cut){ 1 + chance(&seed, m.n),
		    m.n });
		if (i % 40 == 0)
			for (size_t n = 2; n <= PIECE_MAX; n++)
				feed_cut(&whole, c, m, (struct cut){ n, n });
		feed_free(&whole);
	}
}

static void
broken_json(void **state)
{
	static const struct text in = T("{\"a\":{\"b\\u0416\":[1,-2.5e+3,null,"
	    "\"\\ud83d\\ude00x" SMILE "\"],\"cd\":true},\"e\":\"f\"}");
	static const struct text bytes = T("{}[]:,\"\\u0dn 1-.etx/\xd0\x96\xff"
	    "\f\v\x00\x01");

	(void)state;
	mutants(&codec_json, in, bytes.p, bytes.n, 1);
}

static void
broken_forms(void **state)
{
	static const struct text in = T("a[b%D0%96]=1&a[c][]=x+" SMILE
	    "&a[c][d]=%F0%9F%98%80&e=f");
	static const struct text bytes = T("[]=&%+5BDd0a\xd0\x96\xff\x00");

	(void)state;
	mutants(&codec_form, in, bytes.p, bytes.n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_event_same_calls),
		cmocka_unit_test(only_a_form_counts),
		cmocka_unit_test(only_json_says_nothing),
		cmocka_unit_test(same_depth),
		cmocka_unit_test(broken_json),
		cmocka_unit_test(broken_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
