/*
 * From the file to the configuration, with the number of the wrong line.
 *
 * Called by config.c.  Owns the stream while it reads; all that it makes
 * goes into the configuration, which the caller frees also after a failure.
 * The first wrong line ends the reading.
 *
 * libinih splits the lines, but it tells its handler no line numbers, cuts
 * long lines and section names, and says nothing of sections without
 * options.  So it gets its lines from read_line(), which numbers them,
 * refuses what would be cut, and looks at the section lines itself.
 */
#include "config/reader.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX (1 << 20)	/* bytes; some ten thousand sections */
#define BOM "\xef\xbb\xbf"

/* What libinih is going to make of this line, as far as we must know; a wrong
 * one it does not get to see. */
static enum err
look_at(struct config_reader *r, const char *text)
{
	const char *start = text + strspn(text, BLANKS);

	r->indented = start > text;
	if (*start == '\0' || *start == ';' || *start == '#')
		return ERR_OK;
	if (*start == '[' && !(r->indented && r->last != NULL))
		return config_take_section(r, start + 1);
	r->waits = true;
	return ERR_OK;
}

static bool
is_control(int c)
{
	return (c < ' ' && c != '\t' && c != '\r') || c == 0x7f;
}

/*
 * One line without its newline: its length, or -1 at the end of the file
 * and after a complaint.  A CR is taken before a newline only.
 */
static int
get_line(struct config_reader *r, char *text, int size)
{
	bool bad = false;
	int n = 0, c;

	while (r->e == ERR_OK && (c = getc(r->f)) != EOF && c != '\n') {
		if (bad)
			continue;
		bad = is_control(c) || n == size || (n > 0 &&
		    text[n - 1] == '\r');
		if (!bad)
			text[n++] = (char)c;
		else if (n == size)
			(void)config_complain(r, r->line,
			    "the line is longer than %d bytes", size);
		else
			(void)config_complain(r, r->line,
			    "the line has a control byte (CR alone counts)");
	}
	if (ferror(r->f))
		(void)config_complain(r, 0, "cannot be read");
	if (r->e != ERR_OK || (n == 0 && feof(r->f)))
		return -1;
	if (bad)
		return 0;
	return n > 0 && text[n - 1] == '\r' ? n - 1 : n;
}

/* Where libinih was silent: it found neither "=" nor ":" in the line. */
static enum err
check_taken(struct config_reader *r)
{
	if (r->e == ERR_OK && r->waits && !r->skip)
		(void)config_complain(r, r->line,
		    "the line must be [section] or option = value");
	r->waits = false;
	return r->e;
}

/* fgets() for libinih.  NULL also when there is no use in going on. */
static char *
read_line(char *text, int size, void *arg)
{
	struct config_reader *r = arg;
	int n;

	if (check_taken(r) != ERR_OK)
		return NULL;
	r->line++;
	n = get_line(r, text, (size < LINE_SIZE ? size : LINE_SIZE) - 2);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	if (r->line == 1 && strncmp(text, BOM, sizeof(BOM) - 1) == 0) {
		n -= (int)sizeof(BOM) - 1;
		memmove(text, text + sizeof(BOM) - 1, (size_t)n + 1);
	}
	if (look_at(r, text) != ERR_OK)
		n = 0;
	memcpy(text + n, "\n", 2);
	return r->e == ERR_OK ? text : NULL;
}

/* 1 lets libinih go on; it is read_line() that ends it after an error. */
static int
on_option(void *arg, const char *section, const char *name,
    const char *value)
{
	struct config_reader *r = arg;

	(void)section;		/* cut at 49 bytes; ours is not */
	r->waits = false;
	if (r->e == ERR_OK && !r->skip)
		(void)config_take_option(r, name, value);
	return 1;
}

enum err
config_read(struct config *c, const char *path, struct config_sink *sink,
    struct problem *p)
{
	struct config_reader r = { .path = path, .c = c, .p = p,
	    .sink = sink };
	struct why why = { .text = "" };
	enum err e = config_open(&r.f, path, FILE_MAX, &why);

	if (e == ERR_CONFIG && why.missing &&
	    strcmp(path, CONFIG_DEFAULT_PATH) == 0) {
		c->path[0] = '\0';
		return ERR_OK;
	}
	if (e == ERR_CONFIG)
		return config_complain(&r, 0, "%s", why.text);
	if (e != ERR_OK)
		return config_no_memory(&r);
	if (ini_parse_stream(read_line, &r, on_option, &r) == -2)
		(void)config_no_memory(&r);
	(void)config_end_section(&r);
	if (r.e == ERR_OK)
		(void)config_check_whole(&r);
	(void)fclose(r.f);
	return r.e == ERR_OK && r.wrong ? ERR_CONFIG : r.e;
}
