#ifndef CODEC_DIGEST_H
#define CODEC_DIGEST_H

#include "base/err.h"
#include "base/number.h"

#include <string.h>

#define DIGEST_SIZE 32		/* bytes of SHA-256 */
#define DIGEST_TEXT_MAX 44	/* its base64url text without padding + NUL */

/* A text and its length; what digest_parts() runs over. */
struct digest_part {
	const void *p;
	size_t n;
};

/* NULL: an empty one. */
static inline struct digest_part
digest_text_part(const char *s)
{
	return (struct digest_part){ s != NULL ? s : "",
	    s != NULL ? strlen(s) : 0 };
}

/* A whole number, in decimal; the room for it lives as long. */
static inline struct digest_part
digest_number_part(char room[NUMBER_TEXT_MAX], int64_t number)
{
	return (struct digest_part){ room, number_text(room, number) };
}

/*
 * SHA-256 over the parts, each with its length in front, so that no two
 * different lists of parts meet.  ERR_NOMEM if the library fails.
 */
enum err digest_parts(unsigned char out[DIGEST_SIZE],
    const struct digest_part *, size_t n);

/* SHA-256 of those bytes.  ERR_NOMEM if the library fails. */
enum err digest_whole(unsigned char out[DIGEST_SIZE], const void *, size_t n);

/*
 * The first `n` bytes of a digest as base64url text (RFC 4648, section 5)
 * without padding: characters [A-Za-z0-9_-].
 */
void digest_text(char out[DIGEST_TEXT_MAX], const unsigned char *, size_t n);

/*
 * HMAC-SHA-256 over the parts, one behind the other.  ERR_NOMEM if the library
 * fails; the key has at least one byte.
 */
enum err digest_sign(unsigned char out[DIGEST_SIZE], const void *key,
    size_t key_len, const struct digest_part *, size_t n);

/* A whole digest as base64 text (RFC 4648, section 4) with padding. */
#define DIGEST_BASE64_MAX 45	/* bytes with the NUL */
void digest_base64(char out[DIGEST_BASE64_MAX],
    const unsigned char digest[DIGEST_SIZE]);

/*
 * Reads such text of any length.  Returns how many bytes it stands for, and
 * puts them to `out`, which has room for 3 bytes for each 4 of the text; -1
 * if it is no such text.
 */
long digest_from_base64(unsigned char *out, const char *text);

/*
 * Whether two secrets are equal, in a time that depends on the length of `got`
 * alone: it tells nothing of `want`.  An empty `want` equals nothing.
 */
bool digest_same_secret(const char *got, const char *want);

#endif
