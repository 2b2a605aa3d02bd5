#ifndef PORTAL_TOKENS_H
#define PORTAL_TOKENS_H

#include "base/arena.h"
#include "base/patience.h"
#include "portal/env.h"
#include "store/portals.h"

#define TOKENS_REASON_MAX PROBLEM_TEXT_MAX

enum tokens_end {
	TOKENS_OK,
	TOKENS_NONE,	/* none to be had until the portal is installed anew */
	TOKENS_AGAIN	/* none now; later perhaps */
};

/*
 * A stored access token of the portal that is not `failed` (NULL: any).  A
 * pair newer than the failed one is used; else the pair is refreshed, by one
 * at a time among all processes, and made durable before it is used.
 * `may_refresh` false: only what is stored counts.  *token lives in the
 * arena.  reason[] says why there is none.
 */
enum tokens_end tokens_get(const struct env *, const char *member_id,
    const char *failed, bool may_refresh, struct arena *,
    struct patience *, const char **token, char reason[TOKENS_REASON_MAX]);

#endif
