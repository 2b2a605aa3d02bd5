/*
 * Digests against values from Python's hashlib and base64:
 *
 *	h = hashlib.sha256()
 *	for p in parts: h.update(struct.pack('<Q', len(p)) + p)
 *	base64.urlsafe_b64encode(h.digest()).rstrip(b'=')
 */
#include "codec/digest.h"

#include "unit.h"

#include <string.h>

#define X30 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X300 X30 X30 X30 X30 X30 X30 X30 X30 X30 X30

static const struct {
	struct digest_part parts[3];
	size_t n;
	const char *text;
} vectors[] = {
	{ { { NULL, 0 } }, 0, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" },
	{ { T("") }, 1, "r1Vw9aGBC3r3jK9LxwpmDw31HkK6-R1N5bIyjeDoPfw" },
	{ { T(""), T("") }, 2, "N0cI__dxndWXnsh11WzSKG9tPPfsMXo7JWMqqyjsN7s" },
	{ { T("abc") }, 1, "zpHcXuwBOa3wkZANIllx1q0kaoRbrXkbVpOp0NVd05E" },
	{ { T("a"), T("bc") }, 2,
	    "morMobbGwL79P7x1au1iXamYyZj3JS5zjE7wYZBrmyE" },
	{ { T("ab"), T("c") }, 2,
	    "Q-5lVXneAcpzmz-VwcLT9G01OywN-BgGTqWUUGzbJhc" },
	{ { T(X300) }, 1, "7xRybHOhqQbkMTI4opQJ-gq0iU7hgJbf3YCLgRuGQnY" },
	{ { T("portal"), T("ONIMCONNECTORMESSAGEADD"), T("\0\xff") }, 3,
	    "UYP45oUYAzTafucHCvnibN1Lwf0u8ON0k9T0nwUS1qI" },
};

static void
known_digests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		unsigned char out[DIGEST_SIZE];
		char text[DIGEST_TEXT_MAX];

		assert_int_equal(digest_parts(out, vectors[i].parts,
		    vectors[i].n), ERR_OK);
		digest_text(text, out, sizeof(out));
		assert_string_equal(text, vectors[i].text);
	}
}

static void
known_texts(void **state)
{
	static const struct {
		struct text bytes;
		const char *text;
	} cases[] = {
		{ T(""), "" },
		{ T("\0"), "AA" },
		{ T("\xff"), "_w" },
		{ T("\xff\xff"), "__8" },
		{ T("\xfb\xff\xbf"), "-_-_" },
		{ T("\xfb\xef\xbe\xff"), "----_w" },
		{ T("\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14"
		    "\x93\x51\x55\x97\x61\x96\x9b\x71\xd7\x9f\x82\x18\xa3\x92"
		    "\x59\xa7\xa2\x9a"),
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopo" },
		{ T("\x55\x97\x61\x96\x9b\x71\xd7\x9f\x82\x18\xa3\x92\x59\xa7"
		    "\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3\x5d\xb7\xe3\x9e"
		    "\xbb\xf3\xdf\xbf"),
		    "VZdhlptx15-CGKOSWaeimquy26_DHLPTXbfjnrvz378" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[DIGEST_TEXT_MAX];

		memset(text, '?', sizeof(text));
		digest_text(text, (const unsigned char *)cases[i].bytes.p,
		    cases[i].bytes.n);
		assert_string_equal(text, cases[i].text);
	}
}

static void
same_secret(void **state)
{
	(void)state;
	assert_true(digest_same_secret("s3cret", "s3cret"));
	assert_true(digest_same_secret("x", "x"));
	assert_true(digest_same_secret(X300, X300));
}

static void
other_secret(void **state)
{
	(void)state;
	assert_false(digest_same_secret("s3creT", "s3cret"));
	assert_false(digest_same_secret("S3cret", "s3cret"));
	assert_false(digest_same_secret("s3cre", "s3cret"));
	assert_false(digest_same_secret("s3crett", "s3cret"));
	assert_false(digest_same_secret("", "s3cret"));
	assert_false(digest_same_secret(X300, X300 "x"));
	/* their digests share the first four bytes, and the last four */
	assert_false(digest_same_secret("s18601", "s115269"));
	assert_false(digest_same_secret("s55442", "s55668"));
}

static void
nothing_equals_an_empty_secret(void **state)
{
	(void)state;
	assert_false(digest_same_secret("", ""));
	assert_false(digest_same_secret("x", ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests),
		cmocka_unit_test(known_texts),
		cmocka_unit_test(same_secret),
		cmocka_unit_test(other_secret),
		cmocka_unit_test(nothing_equals_an_empty_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
