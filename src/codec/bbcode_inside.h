#ifndef CODEC_BBCODE_INSIDE_H
#define CODEC_BBCODE_INSIDE_H

/* For bbcode*.c only. */
#include "codec/bbcode.h"

#define BBCODE_DEPTH 32		/* tags inside one another; what is deeper */
				/* loses its tags, not its text */

struct bbcode;
struct bbtoken;

/* A row of the table of tags. */
struct bbtag {
	const char *name;
	enum { ARG_NONE, ARG_MAY, ARG_MUST } arg;
	enum {
		TAG_SINGLE,
		TAG_PAIR,	/* [name]...[/name] */
		TAG_WHOLE	/* that, but `put` takes what is inside, too */
	} kind;
	bool attributes;		/* [name size=..] */
	bool fills;			/* a pair with nothing in it shows */
					/* its argument */
	const char *html;		/* the element of a pair, or NULL */
	const char *mark;		/* in Markdown, at both ends, or NULL */
	bool (*good)(const char *arg, size_t n);	/* NULL: any is */
	/* what a single one shows, NULL: nothing; or what follows when a
	 * pair is opened */
	void (*put)(struct bbcode *, const struct bbtoken *);
};

/* A tag as it was read. */
struct bbtoken {
	const struct bbtag *tag;
	bool closes;
	const char *arg;
	size_t arg_len;
	size_t size;			/* in the source */
};

/* A tag that is open. */
struct bbopen {
	const struct bbtag *tag;	/* NULL: a quotation */
	const char *arg;
	size_t arg_len;
	bool fence;			/* a quotation between dashes */
	const char *mark;		/* in Markdown; NULL: none */
	bool shown;			/* that has been written */
	bool link;			/* arg is its target */
	bool tel;			/* ... a number */
	size_t from;			/* the output's length when it began */
};

/* What stands in a line so far; Markdown cares. */
enum bbline { LINE_START, LINE_DIGITS, LINE_TEXT };

struct bbcode {
	const char *s;
	size_t n, at;
	enum bbcode_to to;
	struct buf *out;
	enum err e;			/* the first */
	struct bbopen open[BBCODE_DEPTH];
	size_t depth;
	size_t over;			/* tags that were too deep */
	size_t quotes;			/* open quotations */
	size_t links;			/* open links */
	bool no_code, no_fence;		/* no further end of one is there */
	bool breaks;			/* a line break is to be written */
	bool apart;			/* ... and an empty line */
	size_t solid;			/* the output's length behind what is */
					/* no blank */
	size_t begin;			/* and when it all began, and */
	size_t marked;			/* behind the last mark's end */
	enum bbline line;
	bool line_new;			/* nothing of it was written */
	size_t indent;			/* blanks that it begins with */
	bool verbatim;			/* in code */
};

/* ---- bbcode_write.c: the output */

/* Adds bytes, and nothing else; what a new line needs in front, first. */
void bbcode_adds(struct bbcode *, const char *);
void bbcode_begin_line(struct bbcode *);
/* Bytes that are markup; and text, escaped. */
void bbcode_raw(struct bbcode *, const char *);
void bbcode_text(struct bbcode *, const char *, size_t n);
/* As they are, in code. */
void bbcode_bytes(struct bbcode *, const char *, size_t n);
/* A link's target within quotes or brackets. */
void bbcode_target(struct bbcode *, const struct bbopen *);
/* A line's end that is seen as one; and one of the source, in code. */
void bbcode_line(struct bbcode *);
void bbcode_new_line(struct bbcode *);

/* ---- bbcode_marks.c: of Markdown */

/* Marks that wait for what they mark, which begins so. */
void bbcode_marks(struct bbcode *, char next);
/* The end of one that is shown, or of all: they begin anew where something
 * follows that they mark. */
void bbcode_mark_end(struct bbcode *, struct bbopen *);
void bbcode_marks_pause(struct bbcode *);

/* ---- bbcode_tags.c: what each tag is */

/* The tag that begins at a "[".  False: none does. */
bool bbcode_token(const char *s, size_t n, struct bbtoken *);
/* Whether a text goes on with these letters, in any case. */
bool bbcode_follows(const char *s, size_t n, const char *word);
/* Opens a pair; closes all from the last one down to open[at]. */
void bbcode_open(struct bbcode *, const struct bbtoken *);
void bbcode_close(struct bbcode *, size_t at);

/* ---- bbcode_show.c, bbcode_code.c: what the rows of the table show */

void bbcode_put_code(struct bbcode *, const struct bbtoken *);
extern const struct bbtag bbcode_tags[];
extern const size_t bbcode_tags_n;

#endif
