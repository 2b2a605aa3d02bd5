#ifndef WEB_ALLOW_H
#define WEB_ALLOW_H

#include "config/config.h"

#include <stdbool.h>

/*
 * Whether an address, as a web server writes it, is in a list of addresses and
 * networks.  IPv4 within IPv6 (::ffff:10.0.0.1) is IPv4.  What is no address
 * (the peer of a Unix socket, NULL) is in none.
 */
bool allow_has(const struct config_list *, const char *address);

#endif
