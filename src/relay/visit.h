#ifndef RELAY_VISIT_H
#define RELAY_VISIT_H

#include "relay/inside.h"

/* An event on its way: its messages, and who waits for it. */

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
struct visit *visit_next(const struct visit *);
bool visit_is_answered(const struct visit *);
struct event *visit_event(const struct visit *);
struct relay *visit_relay(const struct visit *);

#endif
