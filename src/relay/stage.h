#ifndef RELAY_STAGE_H
#define RELAY_STAGE_H

/* Where a message on its way stands. */
enum stage {
	STAGE_NEW,		/* it has not begun */
	STAGE_QUEUED,		/* for its channel's turn */
	STAGE_FETCHING,		/* its files, before that */
	STAGE_HANDING_OVER,	/* the channel has it */
	STAGE_NOTING,		/* what the channel said is written */
	STAGE_WAITING,		/* for its portal's turn */
	STAGE_TELLING,		/* Bitrix24 is told */
	STAGE_ENDED
};

struct journey;

/* The one door to a stage. */
void journey_enter(struct journey *, enum stage);

#endif
