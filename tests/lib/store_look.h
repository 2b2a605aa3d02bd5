#ifndef STORE_LOOK_H
#define STORE_LOOK_H

#include "store_world.h"

/* A message of a chat of its own, received and claimed by that process. */
struct known_message make_received(struct store_world *, struct store *,
    int64_t message_id);

/* And delivered; it is the process's, or waits to be told. */
struct known_message make_delivered(struct store_world *, struct store *,
    int64_t message_id, bool waits);

/* Whether a look tells the place, and for a probe; peek must know it. */
bool is_told(struct store_world *, struct store *, const struct place *,
    bool *probe);
/* The same: to be served, or to be probed, and not the other. */
bool told(struct store_world *, struct store *, const struct place *);
bool probed(struct store_world *, struct store *, const struct place *);

#endif
