/*
 * The status page for people.
 *
 * Called by views.c.  Owns nothing.  status.html is taken into the program as
 * it is; its one mark is where the plain table goes.
 */
#include "web/status_html.h"

#include "web/names.h"
#include "web/status_json.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MARK "<!--plain-->"

__asm__(".pushsection .rodata\n"
    "status_text:\n"
    ".incbin \"src/web/status.html\"\n"
    ".byte 0\n"
    ".popsection\n");
extern const char status_text[] __attribute__((visibility("hidden")));

static void
row(struct buf *o, const char *name, int64_t n)
{
	buf_adds(o, "<tr><th scope=row>");
	out_html(o, name);
	buf_addf(o, "<td>%" PRId64 "\n", n);
}

static void
group(struct buf *o, const struct wait_group *g, const struct config *c)
{
	char *channel = g->portal ? NULL : name_of_channel(g, c);
	struct url url;

	buf_addf(o, "<tr><th scope=row>%s<td>%" PRId64 "<td>",
	    wait_word(g->why), g->n);
	out_html(o, g->portal ? name_of_portal(g->endpoint, &url) :
	    channel != NULL ? channel : g->connector);
	buf_adds(o, " ");
	out_html(o, g->reason);
	buf_adds(o, "\n");
	free(channel);
}

static void
plain(struct buf *o, const struct status *s, const struct config *c)
{
	const struct stats *st = &s->stats;

	buf_adds(o, "<table>\n");
	for (int i = STATE_RECEIVED; i <= STATE_REFUSED; i++)
		row(o, state_name((enum state)i), st->state[i]);
	row(o, "seconds that the oldest waits", st->oldest_ms == 0 ? 0 :
	    (st->now_ms - st->oldest_ms) / 1000);
	row(o, "destinations that are down", st->down);
	buf_adds(o, "</table>\n<table>\n");
	for (size_t i = 0; i < s->waits.n && i < STATUS_GROUPS; i++)
		group(o, s->waits.group[i], c);
	buf_adds(o, "</table>\n");
}

void
status_html(struct buf *o, const struct status *s, const struct config *c)
{
	const char *mark = strstr(status_text, MARK);

	if (mark == NULL) {
		buf_adds(o, status_text);
		return;
	}
		buf_add(o, status_text,
		    (size_t)(mark - status_text));
	plain(o, s, c);
	buf_adds(o, mark + strlen(MARK));
}
