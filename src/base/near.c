/*
 * Which known word somebody meant who wrote another.
 *
 * Called where a wrong word is named: of a command, an option, a value.
 * Owns nothing and cannot fail.
 */
#include "base/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* One letter more, less or other, or two that changed places, is one typo. */
static size_t
typos(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[3][NEAR_MAX + 1];
	size_t *before = row[0], *last = row[1], *now = row[2];

	for (size_t j = 0; j <= nb; j++)
		last[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *spent = before;

		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1,
			    last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spent;
	}
	return last[nb];
}

/* A third of a word may be wrong, but hardly its half. */
void
near_try(struct near *near, const char *wrote, const char *word, size_t n)
{
	size_t wrong, length = strlen(wrote);

	if (length == 0 || length > NEAR_MAX || n == 0 || n > NEAR_MAX)
		return;
	wrong = typos(wrote, length, word, n);
	if (wrong > (n + 2) / 3 ||
	    (near->word != NULL && wrong >= near->typos))
		return;
	*near = (struct near){ .word = word, .n = n, .typos = wrong };
}

void
near_try_words(struct near *near, const char *wrote, const char *words)
{
	for (words += strspn(words, ", "); *words != '\0';
	    words += strspn(words, ", ")) {
		size_t n = strcspn(words, ", ");

		near_try(near, wrote, words, n);
		words += n;
	}
}
