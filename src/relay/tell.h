#ifndef RELAY_TELL_H
#define RELAY_TELL_H

#include "relay/line.h"

/*
 * Begins a call with what waits on a line, which its room has let in.
 * False: it cannot (memory), and the room's permission was not used.
 */
bool tell_begin(struct line *);

#endif
