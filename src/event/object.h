#ifndef EVENT_OBJECT_H
#define EVENT_OBJECT_H

#include "base/buf.h"

/* What a channel is told of a message; texts may be NULL where unknown. */
struct object {
	const char *key;
	const char *event;
	const char *member_id;
	const char *domain;
	const char *connector;
	int64_t line;
	const char *author;	/* split off the text (event/rewrite.h) */
	int64_t ts;		/* -1: none */
	const char *body;	/* the inner part of event/render.h */
	size_t body_len;
};

/* Appends the JSON object that a channel gets.  Errors as buf_add(). */
enum err object_render(struct buf *, const struct object *);

#endif
