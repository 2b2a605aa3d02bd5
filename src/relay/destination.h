#ifndef RELAY_DESTINATION_H
#define RELAY_DESTINATION_H

#include "relay/journey.h"

/* A channel, as messages see it. */

struct destination *destination_enter(struct relay *, const char *connector,
    int64_t line);
struct destination *destination_of_place(struct relay *,
    const struct look_place *);
void destination_leave(struct destination *);
const struct place *destination_place(const struct destination *);
struct channel *destination_channel(const struct destination *);
/* How many more messages may be claimed for it; reserved until they come, or
 * are given back. */
size_t destination_reserve(struct destination *, size_t n);
void destination_unreserve(struct destination *, size_t n);
/* Messages wait there in the store; or it was found down. */
void destination_stored(struct destination *);
void destination_found_down(struct destination *);
void destination_queue(struct destination *, struct journey *);
/* A hand-over ended. */
void destination_done(struct destination *, bool down, bool probe,
    const char *reason);
/* A look gave it to this process, perhaps to probe. */
void destination_serve(struct destination *, bool probe);
bool destination_has_room(const struct destination *);
bool destination_is_down(const struct destination *);
/* What waits in memory goes back to the store; all of them are freed. */
void destinations_halt(struct relay *);
void destinations_free(struct relay *);

#endif
