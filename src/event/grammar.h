#ifndef EVENT_GRAMMAR_H
#define EVENT_GRAMMAR_H

#include "base/err.h"
#include "codec/sax.h"
#include "event/event.h"

/*
 * The one grammar on top of both readers' calls.  It knows where it stands
 * in the event, keeps the envelope's fields and hands over each element of
 * MESSAGES when it is complete.
 */
struct grammar;

/*
 * Makes a grammar that fills `ev` and calls `each(ctx, message)` for every
 * complete element, whose texts live only during the call; event_keep()
 * with the event as ctx keeps them.  Nothing is judged yet: types and
 * missing fields of an envelope are event_check()'s.
 *
 * What a reader's feed() then returns: ERR_INPUT for a second value of an
 * identifier or of a field of auth and for going back to an element that is
 * closed, ERR_TOOBIG past a cap, ERR_NOMEM; the problem says which.
 * `element_max` bounds one element in bytes.  ERR_NOMEM.
 */
enum err grammar_new(struct grammar **, struct event *ev, size_t element_max,
    enum err (*each)(void *ctx, const struct message *), void *ctx,
    struct problem *);

/* The calls to hand to a reader; valid as long as the grammar. */
const struct sax *grammar_sax(const struct grammar *);

void grammar_free(struct grammar *);	/* NULL is fine; not the event */

#endif
