#ifndef RELAY_PAGE_H
#define RELAY_PAGE_H

#include "relay/inside.h"

/*
 * Takes a page that Bitrix24 opens (EVENT_PAGE): who posts it proves who he
 * is first, then what is missing of the installation is made good.  The
 * sender is told as relay_take() says.
 */
void page_take(struct relay *, struct event *, struct sender *);

/* Answers all who wait. */
void pages_stop(struct relay *);

#endif
