#ifndef BBCODE_HOLDS_H
#define BBCODE_HOLDS_H

#include <stddef.h>

/*
 * Converts any bytes to every target and looks at what must always be so:
 * it succeeds and is not too long; HTML has only our elements, in order,
 * and only links to http, https, mailto and tel; Markdown and plain text
 * have no more than they may.  NULL, or what is wrong, static.
 */
const char *bbcode_holds(const char *, size_t n);

#endif
