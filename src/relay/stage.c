/*
 * The stages of a journey, and the one door between them.
 *
 * Called by whatever moves a journey on.  Owns nothing.
 */
#include "relay/stage.h"

#include "relay/journey.h"

static const char *const names[] = { "new", "queued", "fetching",
	"handing-over", "noting", "waiting", "telling", "ended" };

/* docs/INTERNALS prints the same table. */
static bool
may_follow(enum stage from, enum stage to)
{
	static const unsigned char follow[] = {
		[STAGE_NEW] = 1 << STAGE_QUEUED | 1 << STAGE_WAITING |
		    1 << STAGE_ENDED,
		[STAGE_QUEUED] = 1 << STAGE_FETCHING |
		    1 << STAGE_HANDING_OVER | 1 << STAGE_ENDED,
		[STAGE_FETCHING] = 1 << STAGE_QUEUED,
		[STAGE_HANDING_OVER] = 1 << STAGE_NOTING,
		[STAGE_NOTING] = 1 << STAGE_WAITING | 1 << STAGE_ENDED,
		[STAGE_WAITING] = 1 << STAGE_TELLING | 1 << STAGE_ENDED,
		[STAGE_TELLING] = 1 << STAGE_ENDED,
		[STAGE_ENDED] = 0,
	};

	return (follow[from] & 1 << to) != 0;
}

void
journey_enter(struct journey *j, enum stage to)
{
	if (!may_follow(j->stage, to))
		log_error(j->relay->env.log, "bug", F_STR("key",
		    j->work->key), F_STR("from", names[j->stage]),
		    F_STR("to", names[to]));
	log_debug(j->relay->env.log, "stage", F_STR("key", j->work->key),
	    F_STR("from", names[j->stage]),
	    F_STR("to", names[to]));
	j->stage = to;
}
