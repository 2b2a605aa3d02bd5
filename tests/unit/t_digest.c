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
#include <sys/mman.h>
#include <unistd.h>

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

/* FIPS 180-4's examples, as base64. */
static void
known_wholes(void **state)
{
	static const struct {
		struct text of;
		const char *base64;
	} cases[] = {
		{ T(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
		{ T("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char digest[DIGEST_SIZE];
		char text[DIGEST_BASE64_MAX];

		assert_int_equal(digest_whole(digest, cases[i].of.p,
		    cases[i].of.n), ERR_OK);
		digest_base64(text, digest);
		assert_string_equal(text, cases[i].base64);
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

/* RFC 4231, cases 1, 2 and 6. */
static void
known_macs(void **state)
{
	static char aa[131], b[20];
	static const struct {
		struct text key;
		struct digest_part parts[3];
		const char *mac;
	} cases[] = {
		{ { b, 20 }, { T("Hi"), T(" "), T("There") },
		    "\xb0\x34\x4c\x61\xd8\xdb\x38\x53\x5c\xa8\xaf\xce\xaf"
		    "\x0b\xf1\x2b\x88\x1d\xc2\x00\xc9\x83\x3d\xa7\x26\xe9"
		    "\x37\x6c\x2e\x32\xcf\xf7" },
		{ T("Jefe"), { T("what do ya want "), T(""),
		    T("for nothing?") },
		    "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08"
		    "\x95\x75\xc7\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec"
		    "\x58\xb9\x64\xec\x38\x43" },
		{ { aa, 131 }, { T("Test Using Larger Than Block-Size Key - "
		    "Hash Key First"), T(""), T("") },
		    "\x60\xe4\x31\x59\x1e\xe0\xb6\x7f\x0d\x8a\x26\xaa\xcb"
		    "\xf5\xb7\x7f\x8e\x0b\xc6\x21\x37\x28\xc5\x14\x05\x46"
		    "\x04\x0f\x0e\xe3\x7f\x54" },
	};

	(void)state;
	memset(aa, 0xaa, sizeof(aa));
	memset(b, 0x0b, sizeof(b));
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char out[DIGEST_SIZE];

		assert_int_equal(digest_sign(out, cases[i].key.p,
		    cases[i].key.n, cases[i].parts, 3), ERR_OK);
		assert_memory_equal(out, cases[i].mac, sizeof(out));
	}
}

/* RFC 4648, section 10, and what is no base64. */
static void
known_base64(void **state)
{
	static const struct {
		const char *text;
		struct text bytes;
	} good[] = {
		{ "", T("") }, { "Zg==", T("f") }, { "Zm8=", T("fo") },
		{ "Zm9v", T("foo") }, { "Zm9vYg==", T("foob") },
		{ "Zm9vYmE=", T("fooba") }, { "Zm9vYmFy", T("foobar") },
		{ "+/+/", T("\xfb\xff\xbf") }, { "AAAA", T("\0\0\0") },
	};
	static const char *const bad[] = { "Z", "Zg", "Zm8", "Zg=", "Zg===",
		"====", "=", "Z===", "Zm9v=", "Zm9v====", "Zg==Zg==", " Zg==",
		"Zg== ", "Zg==\n", "Z g==", "Zm-_", "Zm9v!", "\xd0\x96=="
	};
	unsigned char out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(digest_from_base64(out, good[i].text),
		    good[i].bytes.n);
		assert_memory_equal(out, good[i].bytes.p, good[i].bytes.n);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (digest_from_base64(out, bad[i]) != -1)
			fail_msg("%s", bad[i]);
}

static void
same_secret(void **state)
{
	(void)state;
	assert_true(digest_same_secret("s3cret", "s3cret"));
	assert_true(digest_same_secret("x", "x"));
	assert_true(digest_same_secret("\x01\x7f\x80\xff", "\x01\x7f\x80\xff"));
	assert_true(digest_same_secret(X300, X300));
}

static void
other_secret(void **state)
{
	(void)state;
	assert_false(digest_same_secret("s3creT", "s3cret"));
	assert_false(digest_same_secret("S3cret", "s3cret"));
	assert_false(digest_same_secret("", "s3cret"));
	assert_false(digest_same_secret("\x7f", "\xff"));
	/* what differs twice in the same way differs */
	assert_false(digest_same_secret("aa", "bb"));
	assert_false(digest_same_secret("ab", "ba"));
	assert_false(digest_same_secret("s3cret" "s3cret", "s3cret"));
	assert_false(digest_same_secret("s3cret", "s3cret" "s3cret"));
}

/* Every bit of every byte counts, and so does the length. */
static void
every_bit_counts(void **state)
{
	char got[] = X30, want[] = X30;

	(void)state;
	for (size_t i = 0; i < sizeof(got) - 1; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			got[i] = (char)('x' ^ 1 << bit);
			if (digest_same_secret(got, want) ||
			    digest_same_secret(want, got))
				fail_msg("bit %u of byte %zu", bit, i);
		}
		got[i] = '\0';
		if (digest_same_secret(got, want) ||
		    digest_same_secret(want, got))
			fail_msg("length %zu", i);
		got[i] = 'x';
		assert_true(digest_same_secret(got, want));
	}
}

/* Where a page ends behind which none can be read. */
static char *
page_end(void)
{
	size_t n = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * n, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p + n, n, PROT_NONE), 0);
	return p + n;
}

/*
 * Each lies right before memory that cannot be read: it is not gone beyond its
 * end, however long the other is.
 */
static void
stays_within_both(void **state)
{
	static const char *const all[] = { "", "x", "s3cret", "s3cre",
		"s3crets3cret", X300 };
	char *got = page_end(), *want = page_end();

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++)
		for (size_t k = 0; k < COUNT(all); k++) {
			size_t n = strlen(all[i]) + 1, m = strlen(all[k]) + 1;

			memcpy(got - n, all[i], n);
			memcpy(want - m, all[k], m);
			assert_int_equal(digest_same_secret(got - n, want - m),
			    i == k && i != 0);
		}
}

static void
nothing_equals_an_empty_secret(void **state)
{
	(void)state;
	assert_false(digest_same_secret("", ""));
	assert_false(digest_same_secret("x", ""));
	assert_false(digest_same_secret(X300, ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests),
		cmocka_unit_test(known_wholes),
		cmocka_unit_test(known_texts),
		cmocka_unit_test(known_macs),
		cmocka_unit_test(known_base64),
		cmocka_unit_test(same_secret),
		cmocka_unit_test(other_secret),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(stays_within_both),
		cmocka_unit_test(nothing_equals_an_empty_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
