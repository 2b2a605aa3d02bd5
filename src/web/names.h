#ifndef WEB_NAMES_H
#define WEB_NAMES_H

#include "config/config.h"
#include "http/url.h"
#include "store/waits.h"

/* What a portal is called: the host of its endpoint, or "". */
const char *name_of_portal(const char *endpoint, struct url *);

/*
 * What a group's channel is called (channel/name.h): its place has its URL,
 * or that of the configuration is its.  NULL: neither.  To be freed.
 */
char *name_of_channel(const struct wait_group *, const struct config *);

#endif
