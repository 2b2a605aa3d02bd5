#ifndef EVENT_MAKE_H
#define EVENT_MAKE_H

#include "event/event.h"

#include "unit.h"

#include <string.h>

/*
 * Events made by hand, as a reader would leave them; event_check() follows.
 */
#define MAKE_MAX ((size_t)64 * 1024 * 1024)

#define ADD "ONIMCONNECTORMESSAGEADD"
#define UPDATE "ONIMCONNECTORMESSAGEUPDATE"
#define DELETE "ONIMCONNECTORMESSAGEDELETE"

#define MEMBER "bac1cd5c8940947a75e0d71b1a84e348"
#define CONNECTOR "myconnector"
#define CHAT "channel-123"

/* A copy in the event's arena; NULL stays NULL. */
char *own(struct event *, const char *);

/* An event of MEMBER, CONNECTOR and line 107, without a message. */
void make_event(struct event *, const char *name);

/* A good message in CHAT; fields may be changed before event_keep(). */
struct message make_message(int64_t message_id, const char *body);

void add_message(struct event *, int64_t message_id, const char *body);
void check_event(struct event *);

/* One checked event with one message. */
void make_one(struct event *, const char *name, int64_t message_id,
    const char *body);

#endif
