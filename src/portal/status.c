/*
 * imconnector.send.status.delivery: the call that makes an operator see
 * "delivered".
 *
 * Called by the relay when a channel took messages.  Owns nothing beyond the
 * call.  Repeating it is harmless; Bitrix24 keeps the ids of the first.
 */
#include "portal/status.h"

#include "base/fault.h"
#include "codec/json_write.h"
#include "http/patient.h"

#include <stdio.h>
#include <string.h>

#define BODY_MAX ((size_t)16 * 1024 * 1024)
#define ANSWER_MAX (256 * 1024)

static enum err
add_im(struct buf *b, const struct status_item *item)
{
	enum err e = json_add_name(b, "im");

	if (e == ERR_OK)
		e = buf_addc(b, '{');
	if (e == ERR_OK)
		e = json_add_number(b, "chat_id", item->chat_id);
	if (e == ERR_OK)
		e = json_add_number(b, "message_id", item->message_id);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static enum err
add_message(struct buf *b, const struct status_item *item)
{
	enum err e = buf_adds(b, ",\"message\":{\"id\":");

	if (e == ERR_OK)
		e = buf_adds(b, item->ids);	/* JSON already */
	if (e == ERR_OK)
		e = json_add_number(b, "date", item->date);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static enum err
add_item(struct buf *b, const struct status_item *item)
{
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = add_im(b, item);
	if (e == ERR_OK)
		e = add_message(b, item);
	if (e == ERR_OK)
		e = buf_adds(b, ",\"chat\":{");
	if (e == ERR_OK)
		e = json_add_text(b, "id", item->chat);
	return e == ERR_OK ? buf_adds(b, "}}") : e;
}

static enum err
render(struct buf *b, const struct status_call *s)
{
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = json_add_text(b, "CONNECTOR", s->connector);
	if (e == ERR_OK)
		e = json_add_number(b, "LINE", s->line);
	if (e == ERR_OK)
		e = json_add_text(b, "auth", s->token);
	if (e == ERR_OK)
		e = buf_adds(b, ",\"MESSAGES\":[");
	for (size_t i = 0; e == ERR_OK && i < s->items; i++) {
		if (i != 0)
			e = buf_addc(b, ',');
		if (e == ERR_OK)
			e = add_item(b, &s->item[i]);
	}
	return e == ERR_OK ? buf_adds(b, "]}") : e;
}

static void
call(const struct status_call *s, const char *url, const struct buf *body,
    struct patience *patience, struct verdict *v)
{
	static const char *const headers[] = {
		"Content-Type: application/json", NULL,
	};
	struct http_call c = {
		.route = s->route,
		.url = url,
		.headers = headers,
		.body = body->p,
		.body_len = body->len,
		.timeout_ms = s->timeout_ms,
		.answer_max = ANSWER_MAX,
	};

	fault_point("status-before");
	http_call_patiently(s->client, &c, patience);
	fault_point("status-after");
	verdict_read(v, &c);
	http_call_free(&c);
}

void
status_send(const struct status_call *s, struct patience *patience,
    struct verdict *v)
{
	size_t n = strlen(s->endpoint);
	struct buf url, body;

	*v = (struct verdict){ .kind = VERDICT_AGAIN, .retry_after_s = -1 };
	buf_init(&url, 4096);
	buf_init(&body, BODY_MAX);
	if (buf_add(&url, s->endpoint, n) == ERR_OK &&
	    (n == 0 || s->endpoint[n - 1] == '/' ||
	    buf_addc(&url, '/') == ERR_OK) &&
	    buf_adds(&url, STATUS_METHOD) == ERR_OK && buf_str(&url) != NULL &&
	    render(&body, s) == ERR_OK)
		call(s, url.p, &body, patience, v);
	else
		(void)snprintf(v->reason, sizeof(v->reason),
		    "the call is too large or memory ran out");
	buf_free(&body);
	buf_free(&url);
}
