#ifndef EVENT_IDENTITY_H
#define EVENT_IDENTITY_H

#include "event/event.h"

#define KEY_MAX 65	/* bytes with the NUL: [A-Za-z0-9_-]{1,64} */

/*
 * What a message is, whichever binding or attempt brought it.
 *
 * `base` stands for member_id, event, connector, line, im.chat_id and
 * im.message_id, for a Delete also message.id; of a bad element for its
 * whole JSON instead of the ids, of what is no message for its content and
 * its time.  It is the key of an Add and a Delete; the
 * n-th revision of an Update appends "-n".  `content` tells revisions of an
 * Update apart, and is empty where there are none.  Both are base64url text.
 */
struct identity {
	char base[KEY_MAX];
	char content[KEY_MAX];
};

/* ERR_NOMEM if the hash cannot be made.  The event has been checked. */
enum err identity_of(struct identity *, const struct event *,
    const struct message *);

#endif
