#ifndef CODEC_SEAL_H
#define CODEC_SEAL_H

#include "base/buf.h"

#define SEAL_KEY 32		/* bytes of a key */
#define SEAL_MAX 1024		/* bytes that can be sealed */
#define SEAL_TEXT_MAX (2 * (12 + SEAL_MAX + 16))

/*
 * Appends `n` bytes, sealed, as hexadecimal digits: nobody without the key can
 * read or change them (AES-256-GCM).  ERR_TOOBIG past SEAL_MAX; errors of
 * buf_add(); ERR_NOMEM if the library fails.
 */
enum err seal_close(struct buf *, const unsigned char key[SEAL_KEY],
    const void *, size_t n);

/*
 * Appends what a sealed text holds.  ERR_DENIED: it was not sealed with that
 * key, or was changed since.  ERR_TOOBIG, ERR_NOMEM.
 */
enum err seal_open(struct buf *, const unsigned char key[SEAL_KEY],
    const char *text);

#endif
