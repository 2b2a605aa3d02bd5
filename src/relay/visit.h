#ifndef RELAY_VISIT_H
#define RELAY_VISIT_H

#include "relay/inside.h"
#include "store/take.h"

/* An event on its way: its messages, and who waits for it.  Others than
 * visit.c only look. */
struct visit {
	struct relay *relay;
	struct event *event;
	struct sender *sender;
	struct outcome outcome;
	size_t refs;
	size_t pending;		/* messages that are waited for */
	bool stored, late, answered;
	bool repeats;		/* some of its messages came before */
	const struct problem *unusable;	/* it is only kept, for this */
	struct problem why;
	struct destination *destination;
	size_t reserved;
	struct taking taking;
	struct arrival *arrival;
	enum state *state;	/* of each message */
	bool *waits;		/* each is one of the pending */
	struct timer timer;
	TAILQ_ENTRY(visit) link;
};

/* Refuses whoever sent an event for which there is no memory. */
void sender_no_memory(struct sender *);
/* Stores its messages and sees them through. */
void visit_begin(struct relay *, struct event *, struct sender *);
/* Keeps an event that is no use, as refused; then refuses it. */
void visit_refuse(struct relay *, struct event *, struct sender *,
    const struct problem *);
/* A message of it has come to this state; `waits`: it may go further soon. */
void visit_state(struct visit *, size_t index, enum state, bool waits);
/* Of that chat nothing goes further now: what is behind is not waited for. */
void visit_chat_stops(struct visit *, int64_t chat);
/* Somebody keeps the event, or lets it go. */
void visit_keep(struct visit *);
void visit_drop(struct visit *);
/* Gives the answer that there is. */
void visit_answer(struct visit *);

#endif
