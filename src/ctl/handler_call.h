#ifndef CTL_HANDLER_CALL_H
#define CTL_HANDLER_CALL_H

#include "ctl/command.h"
#include "http/client.h"
#include "store/portals.h"

/*
 * Requests to the handler, through its web server, as Bitrix24 makes them.
 */
#define HANDLER_FORM "application/x-www-form-urlencoded"
#define HANDLER_JSON "application/json"

struct handler_call {
	struct http_call http;	/* first; its end and status are to be read */
	struct http_peer peer;
	struct http_route route;
	bool over;
};

/*
 * Begins a request; without a type it is a GET.  The caller keeps the texts
 * and turns the loop until `over`; handler_call_free() must follow.
 */
void handler_call_start(struct ctl *, struct handler_call *, const char *url,
    const char *type, const struct buf *body);
/* The same, and waits for its end. */
void handler_call_now(struct ctl *, struct handler_call *, const char *url,
    const char *type, const struct buf *body);
void handler_call_free(struct handler_call *);

/*
 * The `result` or `error` of an answer that a handler of this program gives,
 * or NULL: it is another's.  Static: nothing of an answer is repeated, for it
 * may echo a token.
 */
const char *handler_call_word(const struct handler_call *);

/* A number of the answer ("messages", "offset"), or -1. */
int64_t handler_call_number(const struct handler_call *, const char *name);

/* "connected 0.4 ms, TLS 3.1 ms, answer 21.5 ms": when each was over. */
#define HANDLER_TIMES_MAX 100
const char *handler_call_times(const struct handler_call *,
    char out[HANDLER_TIMES_MAX]);

/*
 * Where the handler is: --url, app.handler_url, or where the portal's
 * installation arrived.  NULL in *url: it is not known.  Texts of the arena.
 * ERR_DISK, ERR_NOMEM.
 */
enum err handler_url_known(struct ctl *, const char *member_id,
    struct arena *, const char **url, struct problem *);

/* The same, with ERR_UNUSABLE where it is not known. */
enum err handler_url(struct ctl *, const char *member_id, struct arena *,
    const char **url, struct problem *);

/*
 * The portal as it is stored; its texts are the arena's.  ERR_UNUSABLE: it is
 * not installed.  ERR_DISK, ERR_NOMEM.
 */
enum err handler_portal(struct ctl *, const char *member_id, struct arena *,
    struct portal *, struct problem *);

/*
 * Appends what every event has: its name, the time, and `auth` with the
 * portal's application token.  Errors as buf_add().
 */
enum err handler_event(struct ctl *, struct buf *, const char *event,
    const struct portal *);

#endif
