#ifndef CTL_OWNER_H
#define CTL_OWNER_H

#include "base/err.h"

#include <stdbool.h>

/*
 * Root becomes another: what it makes beside the store, or in a spool, must
 * be the handler's to write.  Who is not root stays what he is.  False with
 * the problem set.
 */

/* The owner of the store, else of its folder; root, if it is root's. */
bool become_owner(const char *store_url, struct problem *);

/* The owner of the store's folder, as above. */
bool become_folder_owner(const char *store_url, struct problem *);

/* A user by name.  ERR_UNUSABLE: there is none, or it is not ours to be. */
bool become_user(const char *name, struct problem *);

#endif
