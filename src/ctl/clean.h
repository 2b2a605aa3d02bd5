#ifndef CTL_CLEAN_H
#define CTL_CLEAN_H

#include "base/buf.h"

#include <stdio.h>

/*
 * Print to standard output so that no byte of a foreign text acts on the
 * terminal: a control character becomes a '?', in a JSON text an escape.
 */
void clean_text(const char *);
void clean_json(const char *);

/* The same as clean_text(), into a buffer.  Errors as buf_add(). */
enum err clean_add(struct buf *, const char *);
/* clean_text() to another stream. */
void clean_to(FILE *, const char *);

#endif
