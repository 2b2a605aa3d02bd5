/*
 * Eight bytes at once against one at a time: every byte value at every place
 * of a word, alone and behind another that is looked for.
 */
#include "codec/word.h"

#include "unit.h"

#include <ctype.h>

/* The place of the first byte of ASCII for which `is` holds, or WORD. */
static size_t
first_of(const char *s, int (*is)(int))
{
	size_t i = 0;

	while (i < WORD && ((unsigned char)s[i] >= 0x80 || !is(s[i])))
		i++;
	return i;
}

static int
is_quote(int c)
{
	return c == '"';
}

static void
same(uint64_t found, size_t first)
{
	assert_int_equal(found != 0, first != WORD);
	if (found != 0)
		assert_int_equal(word_first(found), first);
}

static void
looks(const char *s)
{
	uint64_t w = word_load(s);
	size_t other = 0;

	same(word_below(w, 0x20) & ~w & WORD_HIGHS,
	    first_of(s, iscntrl) < WORD && s[first_of(s, iscntrl)] != 0x7f ?
	    first_of(s, iscntrl) : WORD);
	same(word_equal(w, '"') & ~w & WORD_HIGHS, first_of(s, is_quote));
	while (other < WORD && (unsigned char)s[other] < 0x80)
		other++;
	same(w & WORD_HIGHS, other);
}

static void
every_byte_everywhere(void **state)
{
	static const char behind[] = { 'a', '"', 0x1f, '\0', (char)0xff };
	char s[WORD];

	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < WORD * COUNT(behind); at++) {
			if (c == 0x7f)	/* iscntrl() has it, too */
				continue;
			memset(s, 'x', sizeof(s));
			s[at % WORD] = (char)c;
			if (at % WORD + 1 < WORD)
				s[at % WORD + 1] = behind[at / WORD];
			looks(s);
		}
	}
}

/* Any set of places: all of them, the last of them, what is before. */
static void
every_set(void **state)
{
	(void)state;
	for (unsigned set = 0; set < 256; set++) {
		char s[WORD];
		uint64_t found, want = 0;

		for (size_t i = 0; i < WORD; i++) {
			s[i] = set >> i & 1 ? '"' : "!#\x01\x7f \0z\"" [i % 7];
			if (set >> i & 1)
				want |= UINT64_C(0x80) << 8 * i;
		}
		found = word_every(word_load(s), '"');
		assert_true(found == want);
		if (set == 0)
			continue;
		assert_int_equal(word_last(found),
		    31 - __builtin_clz(set));
		assert_int_equal(word_first(found), __builtin_ctz(set));
		for (size_t i = 0; i < WORD; i++)
			if (i >= word_first(found))
				s[i] = '\0';
		assert_true(word_head(word_load(s), found) == word_load(s));
	}
}

/* Texts that differ in one byte, or not at all. */
static void
short_texts(void **state)
{
	static const char text[] = "chat_id_of_it";
	char s[sizeof(text)], copy[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		memcpy(s, text, sizeof(s));
		assert_true(word_same(s, text, n));
		for (size_t i = 0; i < n; i++) {
			s[i] ^= 1;
			assert_false(word_same(s, text, n));
			s[i] ^= 1;
		}
		s[n] ^= 1;
		assert_true(word_same(s, text, n));
		if (n > WORD)
			continue;
		memset(copy, '.', sizeof(copy));
		word_copy(copy, text, n);
		assert_memory_equal(copy, text, n);
		assert_int_equal(copy[n], '.');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_everywhere),
		cmocka_unit_test(every_set),
		cmocka_unit_test(short_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
