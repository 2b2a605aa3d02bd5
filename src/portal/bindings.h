#ifndef PORTAL_BINDINGS_H
#define PORTAL_BINDINGS_H

#include "base/arena.h"
#include "event/kind.h"
#include "portal/method.h"

/*
 * The event handlers of the application on a portal, as event.get gives
 * them, and what they are to us.
 */
#define BINDINGS_MAX 512	/* what is beyond is not looked at */

enum binding_kind {
	BINDING_OURS,	/* one of our events at exactly our URL */
	BINDING_TWICE,	/* the same once more, for another user */
	BINDING_STALE,	/* one of our events at our path, but another URL: */
			/* another host or scheme, a slash behind it */
	BINDING_OTHER	/* of another part of the application */
};

struct binding {
	const char *event;	/* as Bitrix24 spells it: upper case */
	const char *handler;
	const char *auth_type;	/* a user's id; "0": whoever acts */
	enum binding_kind kind;
};

struct bindings {
	struct binding *item;
	size_t n;
	struct arena arena;
};

/* An event that is ours. */
struct wanted_event {
	enum event_kind kind;
	bool optional;		/* without it messages come all the same */
};
extern const struct wanted_event wanted_events[];	/* EVENT_OTHER ends */

/* Its name, in upper case. */
const char *wanted_name(const struct wanted_event *);

/* Whether it is to be bound: always, or because a channel asks for it. */
bool wanted_here(const struct config *, const struct wanted_event *);

/*
 * Reads the answer to event.get; `url` is our own.  Errors of flat_read().
 * In any case bindings_free() must follow.
 */
enum err bindings_read(struct bindings *, const struct method_call *,
    const char *url);
void bindings_free(struct bindings *);

/* Whether that event is bound to exactly our URL. */
bool bindings_has(const struct bindings *, const char *event);

#endif
