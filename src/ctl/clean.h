#ifndef CTL_CLEAN_H
#define CTL_CLEAN_H

#include <stdio.h>

/*
 * Print to standard output so that no byte of a foreign text acts on the
 * terminal: a control character becomes a '?', in a JSON text an escape.
 */
void clean_text(const char *);
void clean_json(const char *);

/* clean_text() to another stream. */
void clean_to(FILE *, const char *);

#endif
