#ifndef RELAY_SOURCE_H
#define RELAY_SOURCE_H

#include "http/client.h"
#include "relay/inside.h"

/*
 * Where a portal's files come from, as a peer of its own: that it is slow
 * tells nothing of the portal's REST calls, or of other portals.  So many
 * messages of a portal fetch at the same time, and so many wait for that.
 */
#define SOURCE_FETCHING 4
#define SOURCE_WAITING 64

struct source;

/* Somebody who wants to fetch; starts as zeros with `go` set. */
struct source_want {
	void (*go)(struct source_want *);	/* never from inside */
	struct source *source;
	TAILQ_ENTRY(source_want) link;
};

/* go() follows; source_leave() ends it.  False: no memory, or too many. */
bool source_enter(struct relay *, const char *member_id,
    struct source_want *);
void source_leave(struct source_want *);
struct http_peer *source_peer(const struct source_want *);

/* Nothing of them is on its way any more. */
void sources_free(struct relay *);

#endif
