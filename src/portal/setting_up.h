#ifndef PORTAL_SETTING_UP_H
#define PORTAL_SETTING_UP_H

#include "portal/bindings.h"
#include "portal/method.h"

/*
 * The set-up of an installed portal: its connectors are registered, our
 * events are bound to our URL, stale bindings of ours go.  It may be repeated
 * without harm.  It is done when app.info says that the installation is, for
 * until then Bitrix24 sends no event.
 */
enum setting_end {
	SETTING_DONE,
	SETTING_WAITS,		/* all is, but app.info says not INSTALLED */
	SETTING_REFUSED,	/* a person must act */
	SETTING_AGAIN		/* it may work later */
};

#define SETTING_REASON_MAX (METHOD_REASON_MAX + 128)

struct setting_up {
	/*
	 * Set by the caller, who keeps all that they point to until done():
	 * called once, in the loop, never from inside setting_up_start().
	 */
	void (*done)(struct setting_up *);
	struct rooms *rooms;
	const char *member_id;
	const char *url;	/* where the installation arrived; NULL, "": */
				/* not known.  app.handler_url goes before it */
	const bool *halted;	/* true: no further call begins; or NULL */
	bool dry;		/* only what changes nothing is called */
	/* As of a method_call; with `dry` also for what would be called. */
	void (*seen)(const struct method_call *, const struct http_call *);
	/* out */
	enum setting_end end;
	bool tokens_over;	/* REFUSED: it must be installed anew */
	char reason[SETTING_REASON_MAX];	/* unless DONE */
	const char *own_url;	/* the URL that was bound, or NULL */
	bool installed;		/* as app.info says */
	/* its own */
	struct method_call call;
	struct bindings bindings;
	struct task task;
	size_t step, item;	/* where it is in the table of steps */
};

void setting_up_start(struct setting_up *);

/* Frees what an ended one holds. */
void setting_up_free(struct setting_up *);

/* As method_drop(). */
bool setting_up_drop(struct setting_up *);

/*
 * Whether the connector of that section is registered by a set-up: it has a
 * name, and is one of app.connectors.
 */
bool setting_up_registers(const struct config *,
    const struct config_channel *);

#endif
