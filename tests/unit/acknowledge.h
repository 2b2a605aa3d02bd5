/*
 * The shortest way from delivered to acknowledged, for tests of other things.
 */
#ifndef ACKNOWLEDGE_H
#define ACKNOWLEDGE_H

#include "store/calls.h"

#include "become_ours.h"

/* The end of a call of no slot that told these, as Bitrix24 accepted it. */
static inline enum err
acknowledge_all(struct store *s, struct work **all, size_t n,
    struct problem *p)
{
	const struct call call = { .leave = LEAVE_GRANTED, .work = all,
	    .n = n };
	const struct call_end end = { .acknowledged = true };

	for (size_t i = 0; i < n; i++)
		(void)become_ours(s, all[i]->id);
	return store_call_end(s, &call, &end, NULL, NULL, p);
}

#endif
