#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Standard output as people look at it. */
struct terminal {
	bool there;		/* it is one */
	bool colour;		/* and may be coloured: NO_COLOR, TERM */
	int columns, rows;	/* 0: no end */
};
struct terminal terminal_look(void);

/*
 * A line that is put together.  Once it could not grow it is left as it is,
 * and line_print() says so.
 */
struct line {
	struct buf b;
	enum err err;
};
void line_begin(struct line *);
void line_free(struct line *);
/* At most 511 bytes at a time. */
void line_add(struct line *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A text from outside, without control characters. */
void line_clean(struct line *, const char *);
/* A Unix time in ms (ctl/when.h). */
void line_when(struct line *, int64_t ms);
/* "1,234,567" */
void line_count(struct line *, int64_t n);

enum paint { PAINT_NONE, PAINT_BAD, PAINT_WARN, PAINT_FAINT };

/*
 * Prints the line, its first `n` bytes painted.  Where lines have an end it
 * is folded at blanks, with `indent` blanks before all but the first line.
 * Then the line is empty.  ERR_NOMEM, ERR_TOOBIG: as far as it came.
 */
enum err line_print(struct line *, const struct terminal *, enum paint,
    size_t n, int indent);

#endif
