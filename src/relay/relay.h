#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/err.h"
#include "channel/channel.h"
#include "event/event.h"
#include "portal/env.h"

/*
 * The way of events and of their messages: stored, handed over, told.
 * Everything moves in the loop.
 */
struct relay;

enum err relay_new(struct relay **, const struct env *,
    const struct channels *);
/* Nothing of it may be on its way but what the loop will never run again.
 * NULL is fine. */
void relay_free(struct relay *);

const struct env *relay_env(const struct relay *);

/* The portals, for REST calls of others (portal/method.h). */
struct rooms;
struct rooms *relay_rooms(const struct relay *);

/* What a page shows to who opened it. */
enum page_kind {
	PAGE_NONE,		/* it was an event */
	PAGE_INSTALLED,		/* installed and set up */
	PAGE_FINISH,		/* the same, but the page is to say so to */
				/* Bitrix24 (installFinish) */
	PAGE_PENDING,		/* kept, or installed; the rest comes later */
	PAGE_FAILED,		/* installed, but not set up: `reason` */
	PAGE_SETTINGS,		/* of a connector on a line: `settings` */
	PAGE_REFUSED		/* `problem` says why */
};

struct standing;
struct setup_row;

/* How the connector stands, and what was done about that. */
struct settings {
	const char *connector, *name;
	int64_t line;
	const char *member_id;
	const char *form;	/* goes with the form; NULL: none is offered */
	const char *act;	/* what was wanted: "on", "off", or anything */
	bool late;		/* Bitrix24 has not answered yet */
	const char *failed;	/* the call that failed, and why; or NULL */
	bool known;		/* how it stands: the next two */
	bool works, error;
	const struct standing *standing;
	const struct setup_row *setup;	/* NULL: nothing is known */
};

/* What became of an event, as far as it has come. */
struct outcome {
	const char *result;	/* NULL: the counts tell; else the word, */
	const char *reason;	/* and why, or NULL */
	size_t messages;
	size_t acknowledged;
	size_t refused;
	/* of a page; all of it lives until the answer was given */
	enum page_kind page;
	const char *endpoint;	/* of its portal, or NULL */
	const struct env *env;
	const struct settings *settings;
	const struct problem *problem;
};

/*
 * Who waits for the answer.  One of the first two is called once: when all
 * that is waited for is done or server.answer_within is over, and never
 * before the event is stored.  `gone` is last: the event and the sender are
 * used no more.  All three may be called from inside relay_take().
 */
struct sender {
	void (*answer)(struct sender *, const struct outcome *);
	void (*refuse)(struct sender *, const struct problem *);
	void (*gone)(struct sender *);
	struct deadline until;		/* for the answer */
};

/*
 * Takes an event that was read to its end: checks who sent it, stores its
 * messages, hands them over and sees to it that Bitrix24 is told.  Refused
 * with ERR_DENIED, ERR_UNUSABLE (bad elements are kept) and ERR_DISK: then
 * nothing was handed over.
 */
void relay_take(struct relay *, struct event *, struct sender *);

/*
 * Takes up what is due in the store, twice a second, until told to stop.
 */
void relay_start(struct relay *);

/* Answers all who wait; begins nothing any more.  What is on its way may end
 * within the time that the caller gives the loop. */
void relay_stop(struct relay *);

/* The most descriptors that its calls and channels hold. */
int64_t relay_descriptors(const struct relay *);

/* Messages, proofs and writes that are on their way. */
size_t relay_busy(const struct relay *);

/*
 * One pass over what is due, for programs that do one thing: until nothing
 * is, or `messages` were tried, or `ms` are over (what was begun is
 * finished).  Turns the loop itself.
 */
struct pass {
	int64_t messages;
	int64_t ms;
	void (*progress)(void *ctx, const struct pass *);	/* or NULL */
	void *ctx;
	int64_t done, failed;	/* out */
};
enum err relay_pass(struct relay *, struct pass *, struct problem *);

#endif
