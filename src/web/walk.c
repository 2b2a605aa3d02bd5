/*
 * The records of a FastCGI request, from its begin record to the empty record
 * that ends its body, however they are cut.
 *
 * Called by web/intake.c for all that comes from a web server, before libfcgi
 * sees it.  Owns nothing and cannot fail.
 *
 * Only what web servers send to a responder passes: libfcgi ends the process
 * at a broken management record, and nobody sends whole ones either.
 */
#include "web/walk.h"

#include <string.h>

#define VERSION_1 1
#define BEGIN_REQUEST 1
#define PARAMS 4
#define STDIN 5
#define BEGIN_SIZE 8		/* bytes of a begin record's content */

/* The stage after a record of this type and size. */
static enum walk_stage
next_stage(enum walk_stage stage, uint8_t type, size_t content)
{
	if (stage == WALK_BEGIN && type == BEGIN_REQUEST)
		return content == BEGIN_SIZE ? WALK_PARAMS : WALK_STRANGE;
	if (stage == WALK_PARAMS && type == PARAMS)
		return content != 0 ? WALK_PARAMS : WALK_BODY;
	if (stage == WALK_BODY && type == STDIN)
		return content != 0 ? WALK_BODY : WALK_END;
	return WALK_STRANGE;
}

static void
enter_record(struct walk *w)
{
	const uint8_t *h = w->header;
	uint16_t id = (uint16_t)(h[2] << 8 | h[3]);

	w->got = 0;
	w->content = (size_t)h[4] << 8 | h[5];
	w->left = w->content + h[6];
	if (w->stage == WALK_BEGIN)
		w->id = id;
	if (h[0] != VERSION_1 || id == 0 || id != w->id)
		w->stage = WALK_STRANGE;
	else
		w->stage = next_stage(w->stage, h[1], w->content);
}

/* Both return how many bytes they took. */
static size_t
take_header(struct walk *w, const uint8_t *p, size_t n)
{
	size_t want = WALK_HEADER - w->got;

	if (want > n)
		want = n;
	memcpy(w->header + w->got, p, want);
	w->got += want;
	if (w->got == WALK_HEADER)
		enter_record(w);
	return want;
}

static size_t
take_content(struct walk *w, size_t n)
{
	size_t take = n < w->left ? n : w->left;
	size_t content = take < w->content ? take : w->content;

	w->left -= take;
	w->content -= content;
	if (w->stage == WALK_BODY && w->header[1] == STDIN)
		w->body += content;
	return take;
}

size_t
walk_on(struct walk *w, const uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n && w->stage < WALK_END)
		done += w->left != 0 ? take_content(w, n - done) :
		    take_header(w, p + done, n - done);
	w->size += done;
	return done;
}
