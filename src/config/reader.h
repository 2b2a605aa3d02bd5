#ifndef CONFIG_READER_H
#define CONFIG_READER_H

/* For read.c, which makes the lines, and take.c. */
#include "config/private.h"

#define BLANKS " \t"
#define LINE_SIZE 200		/* libinih's, with newline and NUL */

struct config_reader {
	FILE *f;
	const char *path;
	struct config *c;
	struct problem *p;
	struct config_sink *sink;	/* or NULL */
	enum err e;			/* it ends the reading */
	bool wrong;			/* some line is */
	bool skip;			/* the section is, with all in it */
	int line;
	bool indented;			/* the line begins with a blank */
	bool waits;			/* its option has not come yet */
	const char *section;		/* in the table; NULL before any */
	struct shown shown;		/* the same for people */
	size_t channel;			/* that the rows of [channel] set */
	const struct option *last;	/* what an indented line continues */
};

/* Records "FILE:LINE: reason"; line 0 is for the file as a whole. */
enum err config_complain(struct config_reader *, int line,
    const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
enum err config_no_memory(struct config_reader *);

/* A line that begins with "["; `text` is what follows that. */
enum err config_take_section(struct config_reader *, const char *text);

/* Checks what only the end of a section shows. */
enum err config_end_section(struct config_reader *);

/* One option as libinih split it, or a line more of a list. */
enum err config_take_option(struct config_reader *, const char *name,
    const char *value);

/* Checks what no option can know alone. */
enum err config_check_whole(struct config_reader *);

#endif
