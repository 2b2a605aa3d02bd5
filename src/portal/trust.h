#ifndef PORTAL_TRUST_H
#define PORTAL_TRUST_H

#include "base/err.h"
#include "config/config.h"
#include "event/event.h"

/*
 * Whether the configured endpoint may get tokens at all.  ERR_CONFIG.
 */
enum err trust_check(const struct config *, struct problem *);

/*
 * Whether an event comes from a portal that knows our application token:
 * the one stored at its installation, else (NULL, or "": that of a page
 * brought none) the configured one.
 * ERR_DENIED with the reason; without any known token every event is.
 */
enum err trust_event(const struct config *, const char *stored_token,
    const struct event *, struct problem *);

/* Whether a connector is one of app.connectors (without case), or that list
 * is empty. */
bool trust_connector(const struct config *, const char *connector);

/*
 * Where this portal's access tokens may go: the endpoint stored for it (NULL
 * if none is), else app.client_endpoint, else the event's own endpoint if its
 * host matches app.portals.  https only, unless app.insecure_http.  Borrowed
 * from the arguments.  NULL if there is none: *why says so for the log,
 * static.
 */
const char *trust_endpoint(const struct config *, const char *stored,
    const char *event_endpoint, const char **why);

/*
 * Whether a portal may have moved to this URL: its host matches app.portals,
 * and it is https, unless app.insecure_http.
 */
bool trust_new_home(const struct config *, const char *location);

#endif
