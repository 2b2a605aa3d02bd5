/*
 * BB-code of any kind: what holds of all results, and how long they are and
 * how much work.
 *
 * Run by make check.
 */
#include "codec/bbcode.h"

#include "bbcode_holds.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DASHES "------------------------------------------------------"

/* A long text of one piece again and again. */
static char *
repeat(const char *piece, size_t n)
{
	size_t len = strlen(piece);
	char *s = malloc(n + 1);

	assert_non_null(s);
	for (size_t i = 0; i < n; i++)
		s[i] = piece[i % len];
	s[n] = '\0';
	return s;
}

static size_t
length_of(const char *s, size_t n, enum bbcode_to to)
{
	struct buf b;
	size_t len;

	buf_init(&b, n * BBCODE_GROWTH + 1024);
	assert_int_equal(bbcode_convert(&b, s, n, to), ERR_OK);
	len = b.len;
	buf_free(&b);
	return len;
}

static const char *const pieces[] = {
	"[b]", "[b]x", "[/b]", "[url]", "[url=", "[url=https://a]",
	"[url=https://a]x\n\n", "[code]", "[code]\n", "[img]", "[", "[[",
	"[/", "[b][/b]", ">>", "\n>>", ">>\n\n", "\n", "    ", " ",
	DASHES "\n", "\n" DASHES, DASHES "\nx\n", "[b]x\n\n[i]y\n\n",
	"[b][i][s]x\n\n", "x [b] y [/b] \n", "[icon=https://a title=",
	"[size=9]", "[color=#fff]x", "\"", "`", "[code]`[/code]", "[call]1",
	"[timestamp=1 ", "[br]", "#BR#", "\t", "1.", "-", "\xf0\x9f\x98\x80",
	"[/url]", "[/code]", "[/img]", "[/i]", "[/size]", "https://b",
	"[b]![/b]a", "a[b]!", "x[b][i][s]!\n\n",
	"[send=", "[b]x            [/b]", "[url=https://aaaaaaaaaaaaaaaaaaaa]",
};

/* No text is more than so many times longer, whatever it is made of. */
static void
test_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++)
		for (int to = BBCODE_PLAIN; to <= BBCODE_MARKDOWN; to++) {
			char *s = repeat(pieces[i], 20000);

			(void)length_of(s, 20000, (enum bbcode_to)to);
			free(s);
		}
}

/* The CPU time of this thread that a text takes, the least of a few. */
static int64_t
cost_of(const char *s, size_t n, enum bbcode_to to)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < 3; i++) {
		struct timespec a, b;
		int64_t ns;

		(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		(void)length_of(s, n, to);
		(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		ns = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec -
		    a.tv_nsec;
		if (ns < least)
			least = ns;
	}
	return least + 1;
}

/*
 * Sixteen times the text is about sixteen times the work, and not the 256 of
 * a look back or ahead at all of it.
 */
static void
test_linear(void **state)
{
	const size_t n = 16000;

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		char *s = repeat(pieces[i], n * 16);

		for (int to = BBCODE_PLAIN; to <= BBCODE_MARKDOWN; to++) {
			int64_t one = cost_of(s, n, (enum bbcode_to)to);
			int64_t all = cost_of(s, n * 16, (enum bbcode_to)to);

			if (all / one > 80)
				fail_msg("%s, %d: %ld times the work",
				    pieces[i], to, (long)(all / one));
		}
		free(s);
	}
}

/* Whatever is put together, in whatever order: HTML stays in order. */
static void
test_anything(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		char text[2048];
		size_t n = 0;

		for (int k = 0; k < 24; k++) {
			const char *piece;
			size_t len;

			random = random * 6364136223846793005U + 1;
			piece = pieces[(random >> 33) % COUNT(pieces)];
			len = strlen(piece);
			memcpy(text + n, piece, len);
			n += len;
		}
		if (bbcode_holds(text, n) != NULL)
			fail_msg("%.*s: %s", (int)n, text, bbcode_holds(text,
			    n));
	}
}

/* Every cut of a text is one, too. */
static void
test_cuts(void **state)
{
	static const char text[] = "[b]Ann:[/b] [br]>>q [url=https://a]x\n\n"
	    DASHES "\nA\n" DASHES "\n[code]`\n[/code][img]https://b[/img]"
	    "[call=1]y[/call][icon=https://c title=z]    #BR#1. [i]w";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		for (int to = BBCODE_PLAIN; to <= BBCODE_MARKDOWN; to++) {
			char *copy = malloc(n + 1);	/* for valgrind */

			assert_non_null(copy);
			memcpy(copy, text, n);
			(void)length_of(copy, n, (enum bbcode_to)to);
			free(copy);
		}
}

static void
test_no_room(void **state)
{
	static const char text[] = "[b]x[/b] [url=https://a]y[/url]\n>>z";

	(void)state;
	for (int to = BBCODE_AS_IS; to <= BBCODE_MARKDOWN; to++) {
		size_t need = length_of(text, sizeof(text) - 1,
		    (enum bbcode_to)to);

		for (size_t max = 0; max <= need; max++) {
			struct buf b;

			buf_init(&b, max);
			assert_int_equal(bbcode_convert(&b, text,
			    sizeof(text) - 1, (enum bbcode_to)to),
			    max < need ? ERR_TOOBIG : ERR_OK);
			buf_free(&b);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_anything),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
