#ifndef CODEC_FORM_WRITE_H
#define CODEC_FORM_WRITE_H

#include "base/buf.h"

/*
 * Appends `name=text`, percent-encoded, with an '&' in front unless the
 * buffer is empty.  Errors as buf_add().
 */
enum err form_add(struct buf *, const char *name, const char *text);

/* Appends a text percent-encoded, a blank as %20, for any place in a URL. */
enum err form_escape(struct buf *, const char *text);

#endif
