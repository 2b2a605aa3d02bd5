#ifndef RELAY_GRAB_H
#define RELAY_GRAB_H

#include "channel/keep.h"
#include "http/url.h"
#include "portal/tokens.h"
#include "relay/inside.h"
#include "relay/source.h"
#include "store/portals.h"
#include "store/work.h"

#define GRAB_URL_MAX 2048
#define GRAB_REASON_MAX 96

/* How the fetching of one file ended. */
enum grab_end {
	GRAB_KEPT,
	GRAB_NEVER,	/* the message goes on without it */
	GRAB_LATER	/* the message is tried again */
};

/* One file on its way to the disk. */
struct grab {
	/* set by the owner */
	void (*done)(struct grab *);	/* in the loop, once */
	struct relay *relay;
	const struct config_channel *config;
	const struct work *work;
	struct room *room;
	struct http_peer *peer;
	const char *link;
	bool page;			/* it may be HTML or JSON itself */
	struct keep keep;		/* its message and name */
	/* out */
	enum grab_end end;
	char reason[GRAB_REASON_MAX];	/* no URL in it */
	int64_t retry_after_s;
	/* its own */
	struct http_call call;
	struct http_route route;
	char url[GRAB_URL_MAX];
	char authorization[4096 + 32];
	const char *headers[2];
	unsigned hops;
	struct portal_reading reading;	/* of its portal, once a token is */
	struct token_search search;	/* needed */
	struct arena arena;
	bool read, renewed;
	unsigned tokens;		/* that were tried */
	const char *stop;		/* why it took no more, for good */
	int64_t size;
	struct buf fill, out;		/* pieces: coming, being written */
	bool held;			/* the call waits for the disk */
	bool writing;
	bool ended;			/* the call did */
};

/* Never calls done() from inside.  False: the link cannot be called, and
 * done() will not be. */
bool grab_start(struct grab *);

/* ---- private to grab*.c */

/* False: it is no URL that may be called. */
bool grab_set_url(struct grab *, const char *link);
/* Calls it; with the header that names a token, or without. */
void grab_call(struct grab *, bool token);
/* By what the last call came to. */
void grab_conclude(struct grab *);

/* Whether a token of the portal may go there. */
bool grab_may_have_token(const struct grab *, const struct url *);
/* True: it is called with the next token, or one is being looked for;
 * grab_conclude() follows if there is none. */
bool grab_try_token(struct grab *);

#endif
