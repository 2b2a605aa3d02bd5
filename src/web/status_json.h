#ifndef WEB_STATUS_JSON_H
#define WEB_STATUS_JSON_H

#include "config/config.h"
#include "store/status.h"
#include "web/out.h"

/* Groups of what waits that are shown: what is sent must fit into a socket,
 * as nobody waits for a web server to take it. */
#define STATUS_GROUPS 100

/* How things are, as one JSON object. */
void status_json(struct buf *, const struct status *, const struct config *);

/*
 * Why a monitor is to be told, in one line; false: all is well.  What waits
 * for longer than status.alert_age, by `oldest_ms` (-1: nothing waits).
 */
bool status_alert(struct buf *, int64_t oldest_ms, const struct config *);

/* A word for a group of messages that wait. */
const char *wait_word(enum wait_why);

#endif
