#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include "check/check.h"
#include "ctl/command.h"

/* The command check.  ERR_OK with an exit code in ctl->code, or as the
 * others. */
enum err check_command(struct ctl *, struct problem *);

/*
 * What it finds, as the handler's user, whom root becomes.  ctl->s is open if
 * its relay is there; setup_free() and check_end() must follow in any case.
 * ERR_UNUSABLE: there is no user of that name.  ERR_RETRY.
 */
enum err check_look(struct ctl *, struct check *, struct problem *);

#endif
