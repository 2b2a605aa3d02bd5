#ifndef CTL_CHANNEL_ACT_H
#define CTL_CHANNEL_ACT_H

#include "ctl/command.h"

/*
 * Commands for whoever develops a channel.  What happens goes to standard
 * output; ctl->code is 69 where something was refused, 75 where it may work
 * later.  ERR_UNUSABLE (no such portal, file or URL), ERR_DISK, ERR_NOMEM.
 */
enum err send_test_command(struct ctl *, struct problem *);
enum err listen_command(struct ctl *, struct problem *);
enum err replay_command(struct ctl *, struct problem *);

#endif
