/*
 * The body of imconnector.send.status.delivery.
 *
 * Called by the relay for what channels took.  Owns nothing.  Repeating the
 * call is harmless; Bitrix24 keeps the ids of the first.
 */
#include "portal/status.h"

#include "codec/json_write.h"

#include <string.h>

static void
add_item(struct buf *b, const struct status_item *item)
{
	buf_adds(b, "{\"im\":{");
	json_add_number(b, "chat_id", item->chat_id);
	json_add_number(b, "message_id", item->message_id);
	buf_adds(b, "},\"message\":{\"id\":");
	buf_adds(b, item->ids);	/* JSON already */
	json_add_number(b, "date", item->date);
	buf_adds(b, "},\"chat\":{");
	json_add_text(b, "id", item->chat);
	buf_adds(b, "}}");
}

enum err
status_render(struct buf *b, const struct status *s, const char *token)
{
	buf_addc(b, '{');
	json_add_text(b, "CONNECTOR", s->connector);
	json_add_number(b, "LINE", s->line);
	json_add_text(b, "auth", token);
	buf_adds(b, ",\"MESSAGES\":[");
	for (size_t i = 0; i < s->items; i++) {
		if (i != 0)
			buf_addc(b, ',');
		add_item(b, &s->item[i]);
	}
	return buf_adds(b, "]}");
}

/* Names and numbers; a byte of the chat's id may become an escape of six. */
#define ITEM_MORE 160

size_t
status_size(const struct status_item *item)
{
	return ITEM_MORE + strlen(item->ids) + 6 * strlen(item->chat);
}
