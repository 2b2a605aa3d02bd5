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
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = json_add_text(b, "key", o->key);
	if (e == ERR_OK)
		e = json_add_text(b, "event", o->event);
	if (e == ERR_OK)
		e = json_add_text(b, "member_id", o->member_id);
	if (e == ERR_OK)
		e = json_add_text(b, "domain", o->domain);
	if (e == ERR_OK)
		e = json_add_text(b, "connector", o->connector);
	if (e == ERR_OK)
		e = json_add_number(b, "line", o->line);
	if (e == ERR_OK)
		e = json_add_text(b, "author", o->author);
	if (e == ERR_OK && o->body_len != 0)
		e = buf_addc(b, ',');
	if (e == ERR_OK)
		e = buf_add(b, o->body, o->body_len);
	if (e == ERR_OK && o->ts >= 0)
		e = json_add_number(b, "ts", o->ts);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}
