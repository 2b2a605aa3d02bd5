#ifndef CTL_PORTAL_ACT_H
#define CTL_PORTAL_ACT_H

#include "ctl/command.h"

/*
 * The commands that set a portal up.  What was done, or what is missing, goes
 * to standard output; ctl->code is 69 where a person must act, 75 where it
 * may work later.  ERR_UNUSABLE (no such portal, line or connector), ERR_DISK,
 * ERR_NOMEM.
 */

/* setup: all installed portals, or one. */
enum err setup_command(struct ctl *, struct problem *);

/* lines: the open lines of a portal, and our connectors on them. */
enum err lines_command(struct ctl *, struct problem *);

/* activate, deactivate LINE. */
enum err activate_command(struct ctl *, struct problem *);
enum err deactivate_command(struct ctl *, struct problem *);

#endif
