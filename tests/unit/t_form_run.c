/*
 * The bulk of a form against a decoder that goes from character to character:
 * as far as this one gets, so far must form_run(), and no further.
 */
#include "codec/form_run.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64

/* The next byte and how it is spelled: 0 none, 1 as it is, 3 escaped. */
static size_t
spelled(const char *s, size_t n, unsigned char *c)
{
	char digits[3] = { 0 };

	if (n == 0)
		return 0;
	*c = (unsigned char)s[0];
	if (s[0] != '%')
		return 1;
	if (n < 3 || strspn(memcpy(digits, s + 1, 2),
	    "0123456789abcdefABCDEF") != 2)
		return 0;
	*c = (unsigned char)strtoul(digits, NULL, 16);
	return 3;
}

/* Bytes of the character that begins so; 0: none does. */
static size_t
length_of(unsigned char c)
{
	if (c < 0x80)
		return c != 0;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static bool
is_character(const unsigned char *c, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (c[i] < 0x80 || c[i] > 0xbf)
			return false;
	return !(c[0] == 0xe0 && c[1] < 0xa0) &&
	    !(c[0] == 0xed && c[1] > 0x9f) && !(c[0] == 0xf0 && c[1] < 0x90) &&
	    !(c[0] == 0xf4 && c[1] > 0x8f);
}

/* One whole character at the beginning, or nothing. */
static struct form_run
oracle_one(char *to, const char *s, size_t n, bool name)
{
	unsigned char c[4] = { 0 };
	size_t one = spelled(s, n, c), length = one != 0 ? length_of(c[0]) : 0;

	if (one == 1 && (c[0] == '&' || (name && c[0] == '=')))
		return (struct form_run){ 0, 0 };
	if (one == 1 && c[0] == '+')
		c[0] = ' ';
	for (size_t i = 1; i < length; i++)
		if (n < i * one || spelled(s + i * one, n - i * one, c + i) !=
		    one)
			return (struct form_run){ 0, 0 };
	if (length == 0 || !is_character(c, length))
		return (struct form_run){ 0, 0 };
	memcpy(to, c, length);
	return (struct form_run){ length * one, length };
}

static struct form_run
oracle(char *to, const char *s, size_t n, bool name)
{
	struct form_run r = { 0, 0 }, one;

	do {
		one = oracle_one(to + r.out, s + r.in, n - r.in, name);
		r.in += one.in;
		r.out += one.out;
	} while (one.in != 0);
	return r;
}

/* In memory of its own, so that the sanitizer sees both ends. */
static void
compare(const char *text, size_t n)
{
	char *s = malloc(n + 1), *to = malloc(n + 1), want[TEXT_MAX];

	assert_non_null(s);
	assert_non_null(to);
	s = realloc(s, n != 0 ? n : 1);
	to = realloc(to, n != 0 ? n : 1);
	assert_non_null(s);
	assert_non_null(to);
	memcpy(s, text, n);
	for (int name = 0; name < 2; name++) {
		struct form_run w = oracle(want, text, n, name != 0);
		struct form_run r = form_run(to, s, n, name != 0);

		if (r.in != w.in || r.out != w.out)
			fail_msg("%.*s: %zu, %zu and not %zu, %zu", (int)n,
			    text, r.in, r.out, w.in, w.out);
		assert_memory_equal(to, want, w.out);
	}
	free(s);
	free(to);
}

/* Every byte, as it is and escaped, at every place, cut everywhere. */
static void
every_byte_everywhere(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (size_t at = 0; at <= 18; at++) {
			memset(text, 'x', sizeof(text));
			text[at] = (char)c;
			for (size_t n = at; n <= at + 9; n++)
				compare(text, n);
			text[at] = '%';
			text[at + 1] = "0123456789abcdef"[c / 16];
			text[at + 2] = "0123456789ABCDEF"[c % 16];
			for (size_t n = at; n <= at + 11; n++)
				compare(text, n);
		}
	}
}

/* Any two bytes behind a percent sign. */
static void
every_escape(void **state)
{
	char text[] = "ab%..cdefghijkl";

	(void)state;
	for (unsigned c = 0; c < 1 << 16; c++) {
		text[3] = (char)(c >> 8);
		text[4] = (char)c;
		compare(text, sizeof(text) - 1);
	}
}

/* Characters of every length, good and bad, in every mix of spellings. */
static void
mixes(void **state)
{
	static const char *const parts[] = { "a", "+", "%20", "abcdefgh",
		"%D0%96", "\xd0\x96", "%d0\x96", "\xd0%96", "%E2%82%AC",
		"\xe2\x82\xac", "%F0%9F%98%80", "\xf0\x9f\x98\x80",
		"%F0%9F%98", "%ED%A0%80", "\xed\xa0\x80", "%C0%AF", "%E0%9F%80",
		"%F4%90%80%80", "%F5", "%80", "\x80", "%00", "%D0x", "%D0%4g",
		"%E2%82x", "%", "%4", "=", "&", "%3D%26", "\xe2\x82",
		"%D0%C0", "%D0%7F" };
	const size_t n = COUNT(parts);
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < n * n * n; i++) {
		text[0] = '\0';
		strcat(text, parts[i % n]);
		strcat(text, parts[i / n % n]);
		strcat(text, parts[i / n / n]);
		for (size_t k = 0; k <= strlen(text); k++)
			compare(text, k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_everywhere),
		cmocka_unit_test(every_escape),
		cmocka_unit_test(mixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
