#ifndef RELAY_FAN_H
#define RELAY_FAN_H

#include "relay/inside.h"

/*
 * An event that concerns every connector on a line.  Whether the channel of
 * one of them asks for it; and a visit for each that does.
 */
bool fan_is_asked(const struct relay *, const struct event *);
void fan_begin(struct relay *, struct event *, struct sender *);

#endif
