#ifndef PORTAL_INSTALL_H
#define PORTAL_INSTALL_H

#include "event/event.h"
#include "portal/env.h"
#include "store/installs.h"

/*
 * Installations of the application, proven before they count.  At most two
 * proofs are on their way at a time, on places of their own.
 */
struct proofs;

enum err proofs_new(struct proofs **, const struct env *);
void proofs_free(struct proofs *);	/* NULL is fine */

enum install_end {
	INSTALL_DONE,		/* proven and stored */
	INSTALL_DENIED,		/* it could not be proven */
	INSTALL_LATER,		/* kept, inert, to be proven later */
	INSTALL_FAILED		/* it could not be kept */
};

/*
 * Takes ONAPPINSTALL: kept inert first, then proven by what
 * the OAuth server says, then stored.  The caller sets the first three
 * and keeps the event until done(), which is called once, in the loop, perhaps
 * from inside.
 */
struct install_take {
	void (*done)(struct install_take *);
	void (*on_kept)(struct install_take *);	/* before done(), if it is */
	const struct event *event;
	bool late;		/* for the caller */
	/* out */
	enum install_end end;
	struct problem problem;	/* with _DENIED and _FAILED */
	/* its own */
	struct proofs *all;
	bool kept;		/* it survives: on_kept() was called */
	struct install_keeping keeping;
	struct timer again;
	TAILQ_ENTRY(install_take) link;
};
void install_take(struct proofs *, struct install_take *);

/* Tries again what is due, while there is a place for a proof. */
void install_look(struct proofs *);

/* Begins no proof any more, and waits for no other process's. */
void proofs_stop(struct proofs *);

/* Proofs that are on their way. */
size_t install_busy(const struct proofs *);

#endif
