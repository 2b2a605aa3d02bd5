#ifndef RELAY_JOURNEY_H
#define RELAY_JOURNEY_H

#include "relay/late.h"
#include "relay/relay.h"
#include "store/calls.h"
#include "store/submit.h"

/*
 * The steps of claimed messages.  `probe`: the destination was down, and
 * this is the try that tells whether it is up again.
 */

/*
 * received -> delivered (or acknowledged, if no status is wanted): one
 * message to its channel, and that durable.  *next: the chat's next message,
 * claimed for us, or 0.  `call`, unless NULL, is asked for in the same
 * transaction; without one the message waits for whoever calls.
 */
void hand_over(const struct relay *, struct work *, bool probe,
    struct patience *, int64_t *next, struct call *);

/*
 * hand_over() without a wait for the disk: `d` has its store, line, call and
 * write.done set.  True: write.done() will be called, and hand_over_end() is
 * to follow; else all is done.
 */
bool hand_over_begin(const struct relay *, struct work *, struct arena *,
    struct patience *, struct delivering *);
void hand_over_end(const struct relay *, struct delivering *);

/*
 * delivered -> acknowledged: makes a call that was granted, with each rung of
 * the ladder of tokens.  What was not accepted has moved when it returns;
 * store_call_end() must follow.  Those who wait are told.
 */
void tell(const struct relay *, struct call *, bool probe, struct patience *,
    struct call_end *);

/*
 * tell(), to the end in the store, and on with what has come to wait on the
 * line meanwhile, until nothing does, or no further call may be made, or an
 * answer's time is over.  Frees the call.  Whether the first one was good.
 * Does nothing with a call that was not granted.
 */
bool tell_on(const struct relay *, struct call *, bool probe,
    struct patience *);

/* The line of a message; `place` is room for a text of it. */
void line_of(const struct work *, struct line *, char place[PLACE_MAX]);

/*
 * Several messages of one event are being handed over, one after the other:
 * until the end, calls of that line in this process fill before they leave.
 * Only a true begin needs an end.  line_is_filling(): whether some are.
 */
bool line_fill_begin(const struct relay *, const struct line *);
void line_fill_end(const struct relay *, const struct line *);
bool line_is_filling(const struct relay *, const struct line *);

/*
 * Both steps for a message that this process has claimed in the store, and
 * for those that its chat has ready behind it.  Nobody waits for it.
 */
void travel_on(const struct relay *, int64_t id);

#endif
