#ifndef EVENT_MAKE_H
#define EVENT_MAKE_H

#include "event/event.h"

#include "unit.h"

#include <string.h>

/*
 * Events made by hand, as a reader would leave them; event_check() follows.
 */
#define MAKE_MAX ((size_t)64 * 1024 * 1024)

/* A copy in the event's arena; NULL stays NULL. */
static inline char *
own(struct event *ev, const char *s)
{
	char *copy = s != NULL ? arena_dup(&ev->arena, s, strlen(s)) : NULL;

	assert_true(s == NULL || copy != NULL);
	return copy;
}

static inline void
make_event(struct event *ev, const char *name)
{
	event_init(ev, MAKE_MAX);
	ev->name = own(ev, name);
	ev->ts_text = own(ev, "1773759161");
	ev->connector = own(ev, "myconnector");
	ev->line_text = own(ev, "107");
	ev->application_token = own(ev, "app");
	ev->access_token = own(ev, "secret-token");
	ev->member_id = own(ev, "bac1cd5c8940947a75e0d71b1a84e348");
	ev->domain = own(ev, "some-domain.bitrix24.com");
	ev->client_endpoint = own(ev,
	    "https://some-domain.bitrix24.com/rest/");
}

/* A good message; a field of it may be changed before event_keep(). */
static inline struct message
make_message(int64_t message_id, const char *body)
{
	return (struct message){ .chat_id = 1807, .message_id = message_id,
	    .chat = "channel-123", .own_id = "", .body = body,
	    .body_len = strlen(body) };
}

static inline void
add_message(struct event *ev, int64_t message_id, const char *body)
{
	const struct message m = make_message(message_id, body);

	assert_int_equal(event_keep(ev, &m), ERR_OK);
}

static inline void
check_event(struct event *ev)
{
	struct problem p = { 0 };

	assert_int_equal(event_check(ev, &p), ERR_OK);
	assert_int_equal(p.err, ERR_OK);
}

/* One checked event with one message. */
static inline void
make_one(struct event *ev, const char *name, int64_t message_id,
    const char *body)
{
	make_event(ev, name);
	add_message(ev, message_id, body);
	check_event(ev);
}

#define ADD "ONIMCONNECTORMESSAGEADD"
#define UPDATE "ONIMCONNECTORMESSAGEUPDATE"
#define DELETE "ONIMCONNECTORMESSAGEDELETE"

#endif
