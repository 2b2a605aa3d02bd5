/*
 * The identity of a message: what makes two arrivals the same message.
 *
 * Called when an event is stored.  Owns nothing.  The fields' list is part
 * of the promise to channels (the key stays the same over versions of this
 * program), so it must not change.
 */
#include "event/identity.h"

#include "codec/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BASE_BYTES 20		/* 160 bits: 27 characters */

static struct digest_part
text_part(const char *s)
{
	return (struct digest_part){ s != NULL ? s : "",
	    s != NULL ? strlen(s) : 0 };
}

enum err
identity_of(struct identity *out, const struct event *ev,
    const struct message *m)
{
	unsigned char digest[DIGEST_SIZE];
	enum event_identity by = event_traits(ev->kind)->identity;
	char line[24], chat_id[24], message_id[24], ts[24];
	struct digest_part part[8] = {
		text_part(ev->member_id), text_part(ev->name),
		text_part(ev->connector),
	};
	size_t n = 3;
	enum err e;

	(void)snprintf(line, sizeof(line), "%" PRId64, ev->line);
	(void)snprintf(chat_id, sizeof(chat_id), "%" PRId64, m->chat_id);
	(void)snprintf(message_id, sizeof(message_id), "%" PRId64,
	    m->message_id);
	part[n++] = text_part(line);
	(void)snprintf(ts, sizeof(ts), "%" PRId64, ev->ts);
	if (m->bad == NULL && by == ONE_BY_CONTENT)
		part[n++] = text_part(ts);
	if (m->bad != NULL || by == ONE_BY_CONTENT) {
		part[n++] = (struct digest_part){ m->body, m->body_len };
	} else {
		part[n++] = text_part(chat_id);
		part[n++] = text_part(message_id);
		if (by == ONE_BY_OWN_ID)
			part[n++] = text_part(m->own_id);
	}
	e = digest_parts(digest, part, n);
	if (e == ERR_OK)
		digest_text(out->base, digest, BASE_BYTES);
	part[0] = (struct digest_part){ m->body, m->body_len };
	if (e == ERR_OK)
		e = digest_parts(digest, part, 1);
	if (e == ERR_OK)
		digest_text(out->content, digest, BASE_BYTES);
	return e;
}
