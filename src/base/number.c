/*
 * Whole numbers as text and back, without locale and format strings.
 *
 * Called for each index and each id of an event.  Owns nothing, cannot fail
 * but by saying that a text is no number.
 */
#include "base/number.h"

#include <string.h>

#define DIGITS_MAX 19	/* of INT64_MAX; so many nines fit a uint64_t */

size_t
number_text(char out[NUMBER_TEXT_MAX], int64_t number)
{
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char text[NUMBER_TEXT_MAX];
	size_t at = sizeof(text) - 1;

	text[at] = '\0';
	do {
		text[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left != 0);
	if (number < 0)
		text[--at] = '-';
	memcpy(out, text + at, sizeof(text) - at);
	return sizeof(text) - 1 - at;
}

bool
number_read(const char *s, int64_t *out)
{
	bool negative = s != NULL && *s == '-';
	uint64_t value = 0, max = (uint64_t)INT64_MAX + negative;
	size_t n = 0;

	if (s == NULL)
		return false;
	s += negative;
	while (n <= DIGITS_MAX && s[n] >= '0' && s[n] <= '9')
		value = value * 10 + (uint64_t)(s[n++] - '0');
	if (n == 0 || n > DIGITS_MAX || s[n] != '\0' || value > max)
		return false;
	if (s[0] == '0' && (n != 1 || negative))
		return false;
	/* through the largest, which has no positive counterpart */
	*out = negative ? -(int64_t)(value - 1) - 1 : (int64_t)value;
	return true;
}
