/*
 * The identity of a message: what makes two arrivals the same message.
 *
 * Called when an event is stored.  Owns nothing.  The fields' list is part
 * of the promise to channels (the key stays the same over versions of this
 * program), so it must not change.
 */
#include "event/identity.h"

#include "codec/digest.h"

#define BASE_BYTES 20		/* 160 bits: 27 characters */

enum err
identity_of(struct identity *out, const struct event *ev,
    const struct message *m)
{
	unsigned char digest[DIGEST_SIZE];
	enum event_identity by = event_traits(ev->kind)->identity;
	char line[NUMBER_TEXT_MAX], chat_id[NUMBER_TEXT_MAX],
	    message_id[NUMBER_TEXT_MAX], ts[NUMBER_TEXT_MAX];
	struct digest_part part[8] = {
		digest_text_part(ev->member_id), digest_text_part(ev->name),
		digest_text_part(ev->connector),
	};
	size_t n = 3;
	enum err e;

	part[n++] = digest_number_part(line, ev->line);
	if (m->bad == NULL && by == ONE_BY_CONTENT)
		part[n++] = digest_number_part(ts, ev->ts);
	if (m->bad != NULL || by == ONE_BY_CONTENT) {
		part[n++] = (struct digest_part){ m->body, m->body_len };
	} else {
		part[n++] = digest_number_part(chat_id, m->chat_id);
		part[n++] = digest_number_part(message_id,
		    m->message_id);
		if (by == ONE_BY_OWN_ID)
			part[n++] = digest_text_part(m->own_id);
	}
	e = digest_parts(digest, part, n);
	if (e == ERR_OK)
		digest_text(out->base, digest, BASE_BYTES);
	out->content[0] = '\0';
	if (e != ERR_OK || !event_traits(ev->kind)->revises)
		return e;
	part[0] = (struct digest_part){ m->body, m->body_len };
	e = digest_parts(digest, part, 1);
	if (e == ERR_OK)
		digest_text(out->content, digest, BASE_BYTES);
	return e;
}
