#ifndef CTL_OWNER_H
#define CTL_OWNER_H

#include "base/err.h"

#include <stdbool.h>

/*
 * Root becomes the owner of the store: files that SQLite makes beside it
 * must be the handler's to write.  False with the problem set.
 */
bool become_owner(const char *store_url, struct problem *);

#endif
