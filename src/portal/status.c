/*
 * The body of imconnector.send.status.delivery.
 *
 * Called by the relay for what channels took.  Owns nothing.  Repeating the
 * call is harmless; Bitrix24 keeps the ids of the first.
 */
#include "portal/status.h"

#include "codec/json_write.h"

#include <string.h>

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

enum err
status_render(struct buf *b, const struct status *s, const char *token)
{
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = json_add_text(b, "CONNECTOR", s->connector);
	if (e == ERR_OK)
		e = json_add_number(b, "LINE", s->line);
	if (e == ERR_OK)
		e = json_add_text(b, "auth", token);
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

/* Names and numbers; a byte of the chat's id may become an escape of six. */
#define ITEM_MORE 160

size_t
status_size(const struct status_item *item)
{
	return ITEM_MORE + strlen(item->ids) + 6 * strlen(item->chat);
}
