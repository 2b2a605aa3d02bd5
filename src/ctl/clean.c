/*
 * Foreign texts on a terminal.
 *
 * Called by what imconnectorctl prints.  Owns nothing.
 */
#include "ctl/clean.h"

#include <stddef.h>
#include <stdio.h>

/* The control character that a text begins with, or -1; *n: its bytes. */
static int
control(const char *s, size_t *n)
{
	unsigned char c = (unsigned char)s[0], next;

	*n = 1;
	if (c < 0x20 || c == 0x7f)
		return c;
	next = (unsigned char)s[1];
	if (c != 0xc2 || next < 0x80 || next > 0x9f)
		return -1;
	*n = 2;		/* U+0080 to U+009F: some terminals obey them */
	return next;
}

/* JSON leaves some controls as they are.  They stand in strings only. */
void
clean_json(const char *s)
{
	size_t n;

	for (; *s != '\0'; s += n) {
		int c = control(s, &n);

		if (c >= 0)
			printf("\\u%04x", (unsigned)c);
		else
			(void)putchar(*s);
	}
}

void
clean_to(FILE *f, const char *s)
{
	size_t n;

	for (; *s != '\0'; s += n)
		(void)putc(control(s, &n) >= 0 ? '?' : *s, f);
}

void
clean_text(const char *s)
{
	clean_to(stdout, s);
}

enum err
clean_add(struct buf *b, const char *s)
{
	enum err e = ERR_OK;
	size_t n;

	for (; e == ERR_OK && *s != '\0'; s += n)
		e = buf_addc(b, control(s, &n) >= 0 ? '?' : *s);
	return e;
}
