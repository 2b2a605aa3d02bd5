#ifndef CODEC_JSON_WRITE_H
#define CODEC_JSON_WRITE_H

#include "base/buf.h"

/*
 * Appends `n` bytes of UTF-8 as a JSON string with its quotes.  Only what
 * RFC 8259 demands is escaped.  Errors as buf_add().
 */
enum err json_add_string(struct buf *, const char *s, size_t n);

/*
 * Appends `"name":"text"` or `"name":number`, with a comma in front unless
 * the buffer ends in '{', '[' or is empty.  A NULL text adds nothing.
 */
enum err json_add_text(struct buf *, const char *name, const char *text);
enum err json_add_number(struct buf *, const char *name, int64_t);

/* Appends `"name":` with the comma as above; a value must follow. */
enum err json_add_name(struct buf *, const char *name);
enum err json_add_key(struct buf *, const char *name, size_t n);

/* Appends `"name":"text"` as json_add_text(), with their lengths. */
enum err json_add_member(struct buf *, const char *name, size_t name_n,
    const char *, size_t n);

#endif
