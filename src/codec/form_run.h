#ifndef CODEC_FORM_RUN_H
#define CODEC_FORM_RUN_H

#include <stdbool.h>
#include <stddef.h>

/* What was taken of a piece, and what it came to. */
struct form_run {
	size_t in;
	size_t out;	/* never more than `in` */
};

/*
 * Decodes the beginning of a piece of a name or a value into `to`, which has
 * room for `n` bytes, as far as whole characters go that are in order.  It
 * may stop anywhere before the end: at `&`, in a name at `=`, at anything
 * that is wrong or cut, with nothing taken of it.  What it leaves is for
 * someone who goes by the byte.  No character may be half read before.
 */
struct form_run form_run(char *to, const char *s, size_t n, bool name);

#endif
