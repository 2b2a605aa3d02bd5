/*
 * The one JSON object per message that every kind of channel gets.
 *
 * Called for each hand-over.  Owns nothing.
 */
#include "event/object.h"

#include "codec/json_write.h"

enum err
object_render(struct buf *b, const struct object *o)
{
	buf_addc(b, '{');
	json_add_text(b, "key", o->key);
	json_add_text(b, "event", o->event);
	json_add_text(b, "member_id", o->member_id);
	json_add_text(b, "domain", o->domain);
	json_add_text(b, "connector", o->connector);
	json_add_number(b, "line", o->line);
	json_add_text(b, "author", o->author);
	if (o->body_len != 0)
		buf_addc(b, ',');
	buf_add(b, o->body, o->body_len);
	if (o->ts >= 0)
		json_add_number(b, "ts", o->ts);
	return buf_addc(b, '}');
}
