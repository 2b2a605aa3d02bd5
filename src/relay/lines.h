#ifndef RELAY_LINES_H
#define RELAY_LINES_H

#include "relay/journey.h"

/* The status calls of a portal, connector and line. */

struct line *line_enter(struct relay *, const char *member_id,
    const char *connector, int64_t line);
void line_leave(struct line *);
const struct place *line_place(const struct line *);
/* Where those of it wait for which no token is left. */
const struct place *line_parked(const struct line *);
struct room *line_room(const struct line *);
/* A message heads there; and does not (any more). */
void line_coming(struct line *, bool bulk);
void line_came(struct line *, bool bulk);
void line_queue(struct line *, struct journey *);
/* False: its portal is parked, and it brings no token that might work. */
bool line_can_tell(const struct line *, const struct journey *);
void line_stored(struct line *);
void line_serve(struct line *, const struct look_place *);
/* More than a call can take waits in memory: the store may keep the rest. */
bool line_is_full(const struct line *);
void line_awaited(struct line *, bool more);	/* by one more, or less */
void lines_halt(struct relay *);
void lines_free(struct relay *);

#endif
