#ifndef CODEC_JSON_SCAN_H
#define CODEC_JSON_SCAN_H

#include "base/err.h"
#include "codec/utf8.h"

/*
 * What yajl 2.1.0 does not check, found in the raw bytes before it sees
 * them: strict UTF-8, surrogate pairs, NULs, the length of a string; and
 * what it skips between tokens though RFC 8259 does not: form feeds and
 * vertical tabs.
 */
struct json_scan {
	int64_t at;		/* offset of the next byte */
	int64_t string_at;	/* offset behind the opening quote */
	struct utf8 utf8;
	unsigned char state;
	unsigned char digits;	/* of \uXXXX that were read */
	unsigned code;		/* their value so far */
	bool high;		/* a high surrogate waits for its low one */
};

/*
 * Looks at the next piece.  Returns how many bytes of it are in order; fewer
 * than `n` with the problem set (ERR_INPUT, ERR_TOOBIG) and its offset.
 */
size_t json_scan(struct json_scan *, const char *, size_t n,
    struct problem *);

/* Whether a text may end here: no string is open.  yajl does not ask. */
bool json_scan_whole(const struct json_scan *);

#endif
