#ifndef PORTAL_STATUS_H
#define PORTAL_STATUS_H

#include "base/patience.h"
#include "http/client.h"
#include "portal/verdict.h"

#include <stddef.h>
#include <stdint.h>

#define STATUS_METHOD "imconnector.send.status.delivery"

/* One delivered message, as imconnector.send.status.delivery wants it. */
struct status_item {
	int64_t chat_id;
	int64_t message_id;
	const char *chat;
	const char *ids;	/* JSON list of external ids */
	int64_t date;		/* Unix seconds of the delivery */
};

/* One call: messages of one connector and line. */
struct status_call {
	struct http_client *client;
	const struct http_route *route;
	int64_t timeout_ms;
	const char *endpoint;	/* a REST endpoint, as ".../rest/" */
	const char *token;	/* goes into the body, never into the URL */
	const char *connector;
	int64_t line;
	const struct status_item *item;
	size_t items;
};

/*
 * Tells Bitrix24 that the messages were delivered and judges its answer
 * (contract, section 4).  A call that cannot be made at all (memory, size)
 * is VERDICT_AGAIN with the reason.
 */
void status_send(const struct status_call *, struct patience *,
    struct verdict *);

#endif
