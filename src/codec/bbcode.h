#ifndef CODEC_BBCODE_H
#define CODEC_BBCODE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* What a text of Bitrix24's messenger can be turned into. */
enum bbcode_to {
	BBCODE_AS_IS,
	BBCODE_PLAIN,
	BBCODE_HTML,
	BBCODE_MARKDOWN
};

/* So much longer than its source a text never gets, and some bytes more. */
#define BBCODE_GROWTH 16

/*
 * Appends a text of `n` bytes of UTF-8, converted.  What is no tag stays,
 * escaped as the target needs it; only http, https, mailto and tel become
 * links; tags that are not closed, or not in order, are closed in order.
 * Takes time in proportion to `n` and no memory but the buffer's.  Errors as
 * buf_add().
 */
enum err bbcode_convert(struct buf *, const char *s, size_t n, enum bbcode_to);

/* Where a text has the operator's name in front, and where it goes on. */
struct bbcode_author {
	const char *name;	/* within the text, without its colon */
	size_t name_len;
	size_t rest;		/* what follows begins here */
};

/* False: there is none. */
bool bbcode_author(struct bbcode_author *, const char *s, size_t n);

#endif
