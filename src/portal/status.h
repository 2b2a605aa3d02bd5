#ifndef PORTAL_STATUS_H
#define PORTAL_STATUS_H

#include "base/buf.h"

#define STATUS_METHOD "imconnector.send.status.delivery"

/* One delivered message, as imconnector.send.status.delivery wants it. */
struct status_item {
	int64_t chat_id;
	int64_t message_id;
	const char *chat;
	const char *ids;	/* JSON list of external ids */
	int64_t date;		/* Unix seconds of the delivery */
};

/* Messages of one connector and line. */
struct status {
	const char *connector;
	int64_t line;
	const struct status_item *item;
	size_t items;
};

/*
 * Writes the body of the call that makes an operator see "delivered".
 * Errors as buf_add().
 */
enum err status_render(struct buf *, const struct status *,
    const char *token);

/* At most so many bytes does one message take there. */
size_t status_size(const struct status_item *);

#endif
