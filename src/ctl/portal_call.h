#ifndef CTL_PORTAL_CALL_H
#define CTL_PORTAL_CALL_H

#include "ctl/command.h"
#include "portal/method.h"
#include "store/portals.h"

/*
 * What commands share that call a portal.
 */

/*
 * The portal that --portal names, or the only one that is installed: a copy,
 * the caller's to free.  ERR_UNUSABLE says what is missing, ERR_DISK,
 * ERR_NOMEM.
 */
enum err portal_pick(struct ctl *, char **member_id, struct problem *);

/* Whether that names it: its member_id, or the domain of its endpoint. */
bool portal_is(const struct portal *, const char *given);

/* All installed portals, or the one that --portal names; to be freed by
 * portal_list_free().  Errors as above, but for none being installed. */
struct portal_list {
	char **member_id;
	size_t n;
};
enum err portal_list(struct ctl *, struct portal_list *, struct problem *);
void portal_list_free(struct portal_list *);

/* The connectors that are ours by the configuration, in lower case; the list
 * is freed by portal_list_free(). */
enum err connector_list(const struct config *, struct portal_list *,
    struct problem *);

/* Which of them --connector names, or the only one.  ERR_UNUSABLE. */
enum err connector_pick(const struct ctl *, const struct portal_list *ours,
    const char **out, struct problem *);

/* Turns the loop until *over. */
void call_wait(struct ctl *, const bool *over);

/* One method, to its end; method_free() must follow. */
enum method_end call_now(struct ctl *, struct method_call *,
    const char *member_id);

/*
 * method_call.seen for --verbose and --dry-run: prints the call and its
 * answer on standard error.  No token is shown, not even where the answer
 * repeats it.
 */
void call_seen(const struct method_call *, const struct http_call *);

/* The same if --verbose is given, else NULL. */
void (*call_shown(const struct ctl *))(const struct method_call *,
    const struct http_call *);

/* The exit code that belongs to it: 0, 69 or 75. */
int call_code(enum method_end);

#endif
