#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX 24	/* bytes for any number, with the NUL */

/*
 * Writes a number as decimal text with a NUL behind it; returns its length.
 * What number_read() reads comes out again byte for byte.
 */
size_t number_text(char out[NUMBER_TEXT_MAX], int64_t);

/*
 * Reads canonical decimal text (no sign but '-', no leading zeros) that fits
 * an int64_t.  False for anything else and for NULL; `out` is left alone.
 */
bool number_read(const char *, int64_t *out);

#endif
