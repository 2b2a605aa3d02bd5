#ifndef EVENT_RENDER_H
#define EVENT_RENDER_H

#include "base/buf.h"
#include "event/tree.h"

/*
 * Appends what stands in an element as the inner part of the channel's
 * object (design: what a channel gets): `"im":{...},"message":{...},...`.
 * Numbers are im.* and message.user_id; a message.user_id that is none is
 * left out; every other value is text.  Nulls and empty containers vanish,
 * containers whose keys are all integers become lists.  Names of the
 * envelope ("key", "event", "member_id", "domain", "connector", "line",
 * "ts") are left out: the envelope's own win.  Errors as buf_add().
 */
enum err render_element(struct buf *, const struct node *root);

/* Appends any node as a JSON value, every scalar as text. */
enum err render_node(struct buf *, const struct node *);

#endif
