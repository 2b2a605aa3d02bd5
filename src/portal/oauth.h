#ifndef PORTAL_OAUTH_H
#define PORTAL_OAUTH_H

#include "base/arena.h"
#include "base/buf.h"
#include "portal/env.h"

#include <stdint.h>
#include <sys/queue.h>

enum oauth_end {
	OAUTH_OK,
	OAUTH_REJECTED,		/* the refresh token is worth nothing now */
	OAUTH_AGAIN		/* it may work later */
};

#define OAUTH_REASON_MAX 384

/* What the OAuth server says; texts live in the call's arena. */
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

/* Whether the configuration has what every call to such a server needs. */
bool oauth_has_client(const struct config *);

/* What a log says where it has not. */
#define OAUTH_NO_CLIENT "set client_id and client_secret in [app], and " \
	"install the application in Bitrix24"

/*
 * Whether our client_secret may go to the host and port of that
 * server_endpoint (app.oauth_servers; https unless app.insecure_http).
 */
bool oauth_is_trusted(const struct config *, const char *server_endpoint);

/* All calls to OAuth servers: few at a time, so that a server that hangs
 * takes no places from portals. */
struct oauth_calls {
	const struct env *env;
	size_t max, in_flight;
	struct http_peer peer;
	struct http_route route;
	TAILQ_HEAD(, oauth_call) waiting;
};
void oauth_calls_init(struct oauth_calls *, const struct env *, size_t max);

/*
 * Trades a refresh token for a new pair, on a fresh
 * connection, never cut off.  The old token is spent as soon as the server
 * answers: the caller makes the new pair durable at once.  The caller sets
 * the first four; all that it points to lives until done(), which is called
 * once in the loop, never from inside oauth_start().
 */
struct oauth_call {
	void (*done)(struct oauth_call *);
	struct oauth_calls *all;
	const char *server_endpoint;
	const char *refresh_token;
	/* out */
	struct oauth said;
	/* its own */
	struct http_call http;
	struct arena arena;
	struct buf body;
	char url[512];
	struct task task;
	TAILQ_ENTRY(oauth_call) link;
};
void oauth_start(struct oauth_call *);
void oauth_free(struct oauth_call *);	/* what an ended one holds */

#endif
