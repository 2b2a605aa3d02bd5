/*
 * The UTF-8 reader against an oracle that works the other way round: it
 * encodes every code point there is and keeps the beginnings.  A byte may
 * follow exactly if the bytes of the character so far begin one of these.
 */
#include "codec/utf8.h"

#include "unit.h"

#include <stdlib.h>

/* Which sequences of n bytes begin, or are, a character. */
struct oracle {
	unsigned char length[256];	/* of the character by its first byte */
	unsigned char *two;
	unsigned char *three;
};

static size_t
encode(unsigned long code, unsigned char out[4])
{
	if (code < 0x80) {
		out[0] = (unsigned char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (unsigned char)(0xc0 + code / 64);
		out[1] = (unsigned char)(0x80 + code % 64);
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (unsigned char)(0xe0 + code / 4096);
		out[1] = (unsigned char)(0x80 + code / 64 % 64);
		out[2] = (unsigned char)(0x80 + code % 64);
		return 3;
	}
	out[0] = (unsigned char)(0xf0 + code / 262144);
	out[1] = (unsigned char)(0x80 + code / 4096 % 64);
	out[2] = (unsigned char)(0x80 + code / 64 % 64);
	out[3] = (unsigned char)(0x80 + code % 64);
	return 4;
}

static int
oracle_open(void **state)
{
	struct oracle *o = calloc(1, sizeof(*o));
	unsigned char c[4];

	if (o == NULL)
		return -1;
	*state = o;
	o->two = calloc(1, 1 << 16);
	o->three = calloc(1, 1 << 24);
	if (o->two == NULL || o->three == NULL)
		return -1;
	for (unsigned long code = 0; code <= 0x10ffff; code++) {
		size_t n;

		if (code == 0xd800)	/* no surrogate is a character */
			code = 0xe000;
		n = encode(code, c);
		o->length[c[0]] = (unsigned char)n;
		if (n > 1)
			o->two[c[0] << 8 | c[1]] = 1;
		if (n > 2)
			o->three[c[0] << 16 | c[1] << 8 | c[2]] = 1;
	}
	return 0;
}

static int
oracle_close(void **state)
{
	struct oracle *o = *state;

	free(o->two);
	free(o->three);
	free(o);
	return 0;
}

/* Whether `n` bytes begin a character, or are one. */
static bool
begins(const struct oracle *o, const unsigned char *c, size_t n)
{
	if (n == 1)
		return o->length[c[0]] != 0;
	if (n == 2)
		return o->two[c[0] << 8 | c[1]];
	return o->three[c[0] << 16 | c[1] << 8 | c[2]] &&
	    (n == 3 || (c[3] >= 0x80 && c[3] < 0xc0));
}

/* As far as utf8_run() must come: whole characters beyond ASCII. */
static size_t
run_of(const struct oracle *o, const unsigned char *c, size_t n)
{
	size_t start = 0, i = 0;

	while (i < n && (i > start || c[i] >= 0x80) &&
	    begins(o, c + start, i + 1 - start)) {
		i++;
		if (i - start == o->length[c[start]])
			start = i;
	}
	return start;
}

/* Both go over the text until the first byte that cannot stand there. */
static void
compare(const struct oracle *o, const unsigned char *c, size_t n)
{
	struct utf8 u = { 0 };
	size_t start = 0;

	if (utf8_run(c, n) != run_of(o, c, n))
		fail_msg("%02x %02x %02x %02x: a run of %zu", c[0], c[1], c[2],
		    c[3], utf8_run(c, n));
	for (size_t i = 0; i < n; i++) {
		bool want = begins(o, c + start, i + 1 - start);
		bool got = utf8_step(&u, c[i]);

		if (got != want)
			fail_msg("%02x %02x %02x %02x: byte %zu", c[0], c[1],
			    c[2], c[3], i);
		if (!want)
			return;
		if (i + 1 - start == o->length[c[start]])
			start = i + 1;
		if (utf8_whole(&u) != (start == i + 1))
			fail_msg("%02x %02x %02x %02x: end at %zu", c[0], c[1],
			    c[2], c[3], i);
	}
}

static void
starts_whole(void **state)
{
	const struct utf8 u = { 0 };

	(void)state;
	assert_true(utf8_whole(&u));
}

static void
every_two_bytes(void **state)
{
	for (unsigned i = 0; i < 1 << 16; i++) {
		const unsigned char c[4] = { (unsigned char)(i >> 8),
			(unsigned char)i };

		compare(*state, c, 2);
	}
}

/* All of them: the second and third byte may also begin anew. */
static void
every_three_bytes(void **state)
{
	for (unsigned i = 0; i < 1 << 24; i++) {
		const unsigned char c[4] = { (unsigned char)(i >> 16),
			(unsigned char)(i >> 8), (unsigned char)i };

		compare(*state, c, 3);
	}
}

static void
selected_four_bytes(void **state)
{
	static const unsigned char edge[] = { 0x00, 0x22, 0x7f, 0x80, 0x8f,
		0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4,
		0xff };
	const size_t n = COUNT(edge);

	for (unsigned i = 0; i < 1 << 16; i++) {
		for (size_t k = 0; k < n * n; k++) {
			const unsigned char c[4] = { (unsigned char)(i >> 8),
				(unsigned char)i, edge[k / n], edge[k % n] };

			compare(*state, c, 4);
		}
	}
}

static void
every_character(void **state)
{
	(void)state;
	for (unsigned long code = 0; code <= 0x10ffff; code++) {
		bool surrogate = code >= 0xd800 && code <= 0xdfff;
		struct utf8 u = { 0 };
		unsigned char c[4];
		size_t n = encode(code, c);
		bool ok = true;

		for (size_t i = 0; ok && i < n; i++) {
			assert_int_equal(utf8_whole(&u), i == 0);
			ok = utf8_step(&u, c[i]);
		}
		assert_int_equal(ok, !surrogate);
		assert_true(!ok || utf8_whole(&u));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_whole),
		cmocka_unit_test(every_two_bytes),
		cmocka_unit_test(every_three_bytes),
		cmocka_unit_test(selected_four_bytes),
		cmocka_unit_test(every_character),
	};

	return cmocka_run_group_tests(tests, oracle_open, oracle_close);
}
