#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include "ctl/command.h"

/* The command check.  ERR_OK with an exit code in ctl->code, or as the
 * others. */
enum err check_command(struct ctl *, struct problem *);

#endif
