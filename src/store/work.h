#ifndef STORE_WORK_H
#define STORE_WORK_H

#include "event/identity.h"
#include "store/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a message is not tried though it could be. */
enum hold {
	HOLD_NONE,
	HOLD_DOWN,	/* its destination is down: until a probe succeeds */
	HOLD_PARKED	/* its portal is lost: until new tokens arrive */
};

/*
 * A message that this process has claimed, with all that the next step
 * needs.  Texts are NULL where unknown and live as long as the arena or
 * event that they were read into.
 */
struct work {
	int64_t id;
	char key[KEY_MAX];
	enum state state;
	const char *event, *member_id, *domain, *connector, *chat;
	int64_t line, chat_id, message_id;
	int64_t ts;		/* -1: none */
	int64_t received_us;
	const char *body;
	size_t body_len;
	const char *endpoint, *token;	/* the event's own */
	const char *ids;	/* JSON list, once delivered */
	int64_t delivered_ms;
	int64_t tries;		/* of this step that failed */
	int64_t first_ms;	/* of its own first attempt; 0: none yet */
	bool alone;		/* told by a call of its own */
	int64_t claimed_ms;	/* when it was surely ours; monotonic */
};

#endif
