#ifndef CODEC_DIGEST_H
#define CODEC_DIGEST_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32		/* bytes of SHA-256 */
#define DIGEST_TEXT_MAX 44	/* its base64url text without padding + NUL */

/* A text and its length; what digest_parts() runs over. */
struct digest_part {
	const void *p;
	size_t n;
};

/*
 * SHA-256 over the parts, each with its length in front, so that no two
 * different lists of parts meet.  ERR_NOMEM if the library fails.
 */
enum err digest_parts(unsigned char out[DIGEST_SIZE],
    const struct digest_part *, size_t n);

/*
 * The first `n` bytes of a digest as base64url text (RFC 4648, section 5)
 * without padding: characters [A-Za-z0-9_-].
 */
void digest_text(char out[DIGEST_TEXT_MAX], const unsigned char *, size_t n);

/*
 * Whether two secrets are equal, in a time that tells nothing about either.
 * An empty `want` equals nothing.  False too if the library fails.
 */
bool digest_same_secret(const char *got, const char *want);

#endif
