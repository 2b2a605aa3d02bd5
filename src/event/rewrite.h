#ifndef EVENT_REWRITE_H
#define EVENT_REWRITE_H

#include "base/buf.h"
#include "config/config.h"
#include "event/element.h"

#include <stdbool.h>

/*
 * What a channel's options make of an element's body (event/render.h): its
 * text converted, the operator's name split off, the links of its files made
 * whole.  The same bytes for the same body, options and portal.
 */
struct rewrite {
	/* set by the caller */
	const struct config_channel *config;
	const char *endpoint;	/* the event's client_endpoint and domain: */
	const char *domain;	/* where its links lead; NULL: unknown */
	/* out */
	struct buf body;
	char *author;		/* NULL: none was split off */
	struct element element;	/* what was rendered as the body */
};

/* Whether there is anything to do for it; else its body stays as it is. */
bool rewrite_wanted(const struct config_channel *, const char *body,
    size_t n);

/*
 * Fills in the results.  ERR_NOMEM, or another error that only a body can
 * cause that was not rendered by us.  rewrite_free() must follow.
 */
enum err rewrite_body(struct rewrite *, const char *body, size_t n);

/* Renders the body again, once its element was changed.  Errors as
 * buf_add(). */
enum err rewrite_render(struct rewrite *);

/* One that is all zeroes, or was freed before, is fine. */
void rewrite_free(struct rewrite *);

#endif
