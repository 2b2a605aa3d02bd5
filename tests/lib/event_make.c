/*
 * Events made by hand, for tests.
 *
 * Called by unit tests and by worlds.  An event is its caller's to free; what
 * cannot be made ends the test.
 */
#include "event_make.h"

char *
own(struct event *ev, const char *s)
{
	char *copy = s != NULL ? arena_dup(&ev->arena, s, strlen(s)) : NULL;

	assert_true(s == NULL || copy != NULL);
	return copy;
}

void
make_event(struct event *ev, const char *name)
{
	event_init(ev, MAKE_MAX);
	ev->name = own(ev, name);
	ev->ts_text = own(ev, "1773759161");
	ev->connector = own(ev, CONNECTOR);
	ev->line_text = own(ev, "107");
	ev->application_token = own(ev, "app");
	ev->access_token = own(ev, "secret-token");
	ev->member_id = own(ev, MEMBER);
	ev->domain = own(ev, "some-domain.bitrix24.com");
	ev->client_endpoint = own(ev,
	    "https://some-domain.bitrix24.com/rest/");
}

struct message
make_message(int64_t message_id, const char *body)
{
	return (struct message){ .chat_id = 1807, .message_id = message_id,
	    .chat = CHAT, .own_id = "", .body = body,
	    .body_len = strlen(body) };
}

void
add_message(struct event *ev, int64_t message_id, const char *body)
{
	const struct message m = make_message(message_id, body);

	assert_int_equal(event_keep(ev, &m), ERR_OK);
}

void
check_event(struct event *ev)
{
	struct problem p = { 0 };

	assert_int_equal(event_check(ev, &p), ERR_OK);
	assert_int_equal(p.err, ERR_OK);
}

void
make_one(struct event *ev, const char *name, int64_t message_id,
    const char *body)
{
	make_event(ev, name);
	add_message(ev, message_id, body);
	check_event(ev);
}
