#ifndef PORTAL_OAUTH_H
#define PORTAL_OAUTH_H

#include "base/arena.h"
#include "base/patience.h"
#include "portal/env.h"

#include <stdint.h>

enum oauth_end {
	OAUTH_OK,
	OAUTH_REJECTED,		/* the refresh token is worth nothing now */
	OAUTH_AGAIN		/* it may work later */
};

#define OAUTH_REASON_MAX 160

/* What the OAuth server says; texts live in the caller's arena. */
struct oauth {
	enum oauth_end end;
	char reason[OAUTH_REASON_MAX];	/* unless OK; nothing secret */
	const char *member_id;
	const char *client_endpoint;
	const char *server_endpoint;
	const char *access_token;
	const char *refresh_token;
	int64_t expires_in;		/* seconds */
};

/*
 * Whether our client_secret may go to that server_endpoint: its host and port
 * are in app.oauth_servers, and it is https, unless app.insecure_http.
 */
bool oauth_is_trusted(const struct config *, const char *server_endpoint);

/*
 * Trades a refresh token for a new pair (contract, section 6), on a fresh
 * connection, never cut off by the patience.  The old token is spent as soon
 * as the server answers: the caller makes the new pair durable at once.
 */
void oauth_refresh(const struct env *, const char *server_endpoint,
    const char *refresh_token, struct arena *, struct patience *,
    struct oauth *);

#endif
