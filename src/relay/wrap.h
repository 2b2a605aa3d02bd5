#ifndef RELAY_WRAP_H
#define RELAY_WRAP_H

#include "base/buf.h"
#include "config/config.h"
#include "event/object.h"
#include "event/rewrite.h"
#include "store/work.h"

/* A message as its channel gets it. */
struct wrapped {
	struct object parts;	/* point into the work, and what follows */
	struct rewrite *rewrite;	/* NULL if nothing was to do */
	struct buf object;
};

/* The work must outlive it.  ERR_NOMEM; unwrap() must follow in any case. */
enum err wrap(struct wrapped *, const struct config *, const struct work *);

/* Renders the object again, once rewrite.element was changed.  Errors as
 * buf_add(). */
enum err wrap_again(struct wrapped *);

/* One that is all zeroes, or was unwrapped before, is fine. */
void unwrap(struct wrapped *);

#endif
