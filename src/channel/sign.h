#ifndef CHANNEL_SIGN_H
#define CHANNEL_SIGN_H

#include "channel/channel.h"
#include "codec/digest.h"

/* Signatures as Standard Webhooks describes them (v1: symmetric). */
struct signer;

/* Two header lines, "Name: value". */
struct signature {
	char timestamp[64];
	char header[160];
};

/*
 * Signs with `secret`, and beside it with the one before, where that is not
 * "".  A secret that begins with whsec_ is base64 behind that; any other is
 * taken as it stands.  Without a secret *out is NULL.  ERR_CONFIG with the
 * option's name as the field; ERR_NOMEM.
 */
enum err signer_new(struct signer **out, const char *secret,
    const char *previous, struct problem *);

/* Signs what leaves at that Unix time.  ERR_NOMEM. */
enum err signer_sign(const struct signer *, const struct parcel *,
    int64_t now_s, struct signature *out);

void signer_free(struct signer *);	/* NULL is fine */

#endif
