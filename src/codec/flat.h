#ifndef CODEC_FLAT_H
#define CODEC_FLAT_H

#include "base/err.h"

/*
 * Reads a whole JSON text, such as a server's answer, and calls `each` for
 * every scalar with its path ("result.SUCCESS", "ids.0"), NUL-terminated
 * and cut at 255 bytes, and its value as text, `n` bytes long (NULL for
 * null).  An error from `each` ends the reading and comes back.  Otherwise
 * ERR_INPUT, ERR_TOOBIG or ERR_NOMEM; calls made before it must be forgotten.
 */
enum err flat_read(const char *text, size_t n,
    enum err (*each)(void *ctx, const char *path, const char *s, size_t n),
    void *ctx);

#endif
