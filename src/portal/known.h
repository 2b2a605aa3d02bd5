#ifndef PORTAL_KNOWN_H
#define PORTAL_KNOWN_H

#include "http/client.h"

/*
 * How portals did as peers when they were called last, in memory only: rooms
 * come and go with their messages.  Of several thousand, with chance; who is
 * forgotten is as new.
 */
struct known {
	struct known_one *slot;
};

enum err known_init(struct known *);
void known_free(struct known *);

/* By table_number() of the member_id. */
void known_recall(const struct known *, int64_t number, struct http_peer *);
void known_keep(struct known *, int64_t number, const struct http_peer *);

#endif
