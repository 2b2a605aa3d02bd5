#ifndef STORE_MODEL_H
#define STORE_MODEL_H

#include "store_world.h"

/*
 * A plain model of the messages of a store that several processes share.  It
 * is told what they did, and ends the test where the store did what it may
 * not have.
 */
enum { PROCESSES = 4, CHATS = 6, MODEL_MAX = 4096 };
enum { NOBODY = -1 };

struct model_message {
	bool there;
	bool revised;		/* it is an Update */
	enum state state;
	int owner;
	int chat;
	int64_t chat_number, message_id, line, later_ms;
	char key[KEY_MAX];
};

struct model {
	struct store_world *w;
	struct store *process[PROCESSES];
	struct model_message m[MODEL_MAX];	/* by id */
	int64_t last;				/* the greatest id */
	uint64_t random;
	bool looked;		/* a look may have given some up */
	int step;
};

/* A number below; the same row of them for each seed. */
uint32_t model_draw(struct model *, uint32_t below);

/* An event's message has come; m is what it was made of.  Its chat is "a",
 * "b", ..., every other one of line 108. */
void model_arrived(struct model *, int process, const struct arrival *,
    const struct message *m, bool update);

/* A process has got a message: it must have been its turn. */
void model_claimed(struct model *, int process, int64_t id, enum state);

/* It was moved, by its owner. */
void model_moved(struct model *, int process, int64_t id,
    const struct moving_spec *, const struct moved *);

/* Whether all that the store tells is so. */
void model_check(struct model *);

#endif
