/*
 * A message as its channel gets it: its object, by the channel's options.
 *
 * Called by journey.c for each attempt.  Owns the object while it is handed
 * over.  The same message is the same bytes each time, as long as the
 * configuration is the same.
 */
#include "relay/wrap.h"

#include <stdlib.h>

/* The envelope's texts are capped by the grammar. */
#define OBJECT_MORE ((size_t)64 * 1024)
#define OBJECT_MOSTLY ((size_t)300)	/* what they really come to */

/* By the line's own section: others may have the same URL. */
static enum err
rewrite(struct wrapped *o, const struct config *config, const struct work *w)
{
	const struct config_channel *c = config_channel_for(config,
	    w->connector, w->line);
	enum err e;

	if (!rewrite_wanted(c, w->body, w->body_len))
		return ERR_OK;
	o->rewrite = malloc(sizeof(*o->rewrite));
	if (o->rewrite == NULL)
		return ERR_NOMEM;
	*o->rewrite = (struct rewrite){ .config = c, .endpoint = w->endpoint,
	    .domain = w->domain };
	e = rewrite_body(o->rewrite, w->body, w->body_len);
	o->parts.author = o->rewrite->author;
	o->parts.body = o->rewrite->body.p;
	o->parts.body_len = o->rewrite->body.len;
	if (c->files != FILES_FETCH)
		element_free(&o->rewrite->element);
	return e;
}

static enum err
render(struct wrapped *o)
{
	buf_free(&o->object);
	buf_init(&o->object, o->parts.body_len + OBJECT_MORE);
	(void)buf_reserve(&o->object, o->parts.body_len + OBJECT_MOSTLY);
	return object_render(&o->object, &o->parts);
}

enum err
wrap_again(struct wrapped *o)
{
	enum err e = rewrite_render(o->rewrite);

	o->parts.body = o->rewrite->body.p;
	o->parts.body_len = o->rewrite->body.len;
	return e == ERR_OK ? render(o) : e;
}

enum err
wrap(struct wrapped *o, const struct config *config, const struct work *w)
{
	enum err e;

	*o = (struct wrapped){ .parts = {
		.key = w->key,
		.event = w->event,
		.member_id = w->member_id,
		.domain = w->domain,
		.connector = w->connector,
		.line = w->line,
		.ts = w->ts,
		.body = w->body,
		.body_len = w->body_len,
	} };
	e = rewrite(o, config, w);
	return e == ERR_OK ? render(o) : e;
}

void
unwrap(struct wrapped *o)
{
	buf_free(&o->object);
	if (o->rewrite != NULL)
		rewrite_free(o->rewrite);
	free(o->rewrite);
	o->rewrite = NULL;
}
