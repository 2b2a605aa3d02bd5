/*
 * Putting pages together: JSON, HTML.
 *
 * Called by what renders a page.  Owns nothing.
 */
#include "web/out.h"

#include "codec/json_write.h"

#include <string.h>
#include <time.h>

/* The comma and the name before a value. */
static void
begin(struct buf *b, const char *name)
{
	char last = b->len != 0 ? b->p[b->len - 1] : '{';

	if (name != NULL)
		json_add_name(b, name);
	else if (last != '{' && last != '[')
		buf_addc(b, ',');
}

void
out_json(struct buf *b, const char *name, const char *text)
{
	begin(b, name);
	if (text == NULL)
		buf_adds(b, "null");
	else
		json_add_string(b, text, strlen(text));
}

void
out_number(struct buf *b, const char *name, int64_t n)
{
	begin(b, name);
	buf_addi(b, n);
}

void
out_open(struct buf *b, const char *name, char kind)
{
	begin(b, name);
	buf_addc(b, kind);
}

void
out_when(struct buf *b, const char *name, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	out_json(b, name, ms != 0 && gmtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0 ?
	    text : NULL);
}

void
out_html(struct buf *b, const char *s)
{
	while (*s != '\0') {
		size_t n = strcspn(s, "&<>\"'");

		buf_add(b, s, n);
		s += n;
		if (*s != '\0')
			buf_addf(b, "&#%d;", *s++);
	}
}
