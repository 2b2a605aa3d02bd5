#ifndef STORE_WORK_H
#define STORE_WORK_H

#include "event/identity.h"
#include "store/state.h"

/*
 * A message that this process has claimed, with all that the next step
 * needs.  Texts are NULL where unknown.  One that was read from the store is
 * one block of memory, freed with free(); one of a fresh event points into
 * that event.
 */
struct work {
	int64_t id;
	char key[KEY_MAX];
	enum state state;
	const char *event, *member_id, *domain, *connector, *chat;
	int64_t line, chat_id, message_id;
	int64_t chat_number;	/* of its chat among all chats */
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
};

#endif
