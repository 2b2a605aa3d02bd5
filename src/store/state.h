#ifndef STORE_STATE_H
#define STORE_STATE_H

/* A message's life; docs/INTERNALS has the table. */
enum state {
	STATE_RECEIVED = 1,	/* stored: it will be handed over */
	STATE_DELIVERED,	/* the channel took it and gave its ids */
	STATE_ACKNOWLEDGED,	/* Bitrix24 was told, if it wants to be */
	STATE_REFUSED		/* a person must look: see step and reason */
};

/* What a message waits for that is neither acknowledged nor refused. */
enum turn {
	TURN_IN_WORK,		/* nothing: a process has it */
	TURN_BEHIND,		/* the first of its chat */
	TURN_READY,		/* whoever serves its place */
	TURN_LATER		/* a time of its own */
};

/* Where a message stands or was refused. */
enum step {
	STEP_READ = 1,		/* the element itself is no use */
	STEP_HAND_OVER,
	STEP_STATUS
};

/* "received", "delivered", ...; "read", "hand-over", ....  Static. */
const char *state_name(enum state);
const char *step_name(enum step);

#endif
