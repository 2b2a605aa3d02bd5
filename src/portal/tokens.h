#ifndef PORTAL_TOKENS_H
#define PORTAL_TOKENS_H

#include "portal/room.h"

enum tokens_end {
	TOKENS_OK,	/* the room's portal has the new pair */
	TOKENS_NONE,	/* none to be had until the portal is installed anew */
	TOKENS_AGAIN	/* none now; later perhaps */
};

#define TOKENS_REASON_MAX PROBLEM_TEXT_MAX

/*
 * Somebody who needs a stored access token of the portal that is not
 * `failed`.  A pair newer than the failed one is used; else the pair is
 * refreshed, by one at a time among all processes, and made durable before
 * it is used.
 */
struct token_search {
	void (*done)(struct token_search *);
	const char *failed;
	/* out */
	enum tokens_end end;
	char reason[TOKENS_REASON_MAX];	/* unless OK */
	TAILQ_ENTRY(token_search) link;
};

/* done() is called once, in the loop, never from inside. */
void tokens_search(struct room *, struct token_search *);

/*
 * Saves a pair, or an installation, that was bought with what is spent now:
 * a store that is busy or away for a moment is asked again and again.
 */
struct token_saving {
	void (*done)(struct token_saving *);
	const struct env *env;
	struct portal_saving save;	/* set by the caller: portal, spent, */
					/* id; out: stale */
	/* out */
	bool saved;
	struct problem problem;
	/* its own */
	int tries;
};
void tokens_save(struct token_saving *);

#endif
