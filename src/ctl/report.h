#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include "base/err.h"
#include "store/portals.h"

#include <stdbool.h>

/*
 * What imconnectorctl prints of the installed portals (no token is ever
 * shown) and of the store as a whole, for people or as JSON.  ERR_DISK,
 * ERR_NOMEM.
 */
enum err report_portals(struct store *, bool json, struct problem *);
enum err report_stats(struct store *, bool json, struct problem *);

#endif
