#ifndef STORE_OFF_H
#define STORE_OFF_H

#include "store/store.h"

/*
 * Lines whose portal says that nothing comes from them any more.  The mark
 * goes when something does, or store.keep_days later.
 */
struct line_off {
	struct db_work db;
	struct store *store;
	const char *member_id;
	const char *connector;	/* NULL: whichever are on the line */
	int64_t line;
	const char *event;	/* that said so */
};
void store_line_off(struct line_off *);

#endif
