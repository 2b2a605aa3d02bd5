#ifndef T_DB_ALIVE_H
#define T_DB_ALIVE_H

#include "db_world.h"

/* Questions about who is alive, each in a transaction of its own. */

static inline bool
ask_me(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);

	j->found = db_me(tx);
	return j->found != 0 && db_me(tx) == j->found;
}

static inline bool
ask_alive(struct tx *tx, struct db_work *work)
{
	JOB(work)->found = db_alive(tx, JOB(work)->a);
	return true;
}

static inline bool
ask_dead(struct tx *tx, struct db_work *work)
{
	return db_next_dead(tx, &JOB(work)->found);
}

static inline bool
bury(struct tx *tx, struct db_work *work)
{
	return db_bury_process(tx, JOB(work)->a);
}

static inline bool
beat(struct tx *tx, struct db_work *work)
{
	(void)work;
	return db_beat(tx);
}

static inline int64_t
me(struct world *w, struct db *db)
{
	struct job j = { .a = 0 };

	must(w, db, &j, ask_me);
	return j.found;
}

static inline bool
lives(struct world *w, struct db *db, int64_t number)
{
	struct job j = { .a = number, .w.reads = true };

	must(w, db, &j, ask_alive);
	return j.found != 0;
}

static inline int64_t
dead(struct world *w, struct db *db)
{
	struct job j = { .w.reads = true };

	must(w, db, &j, ask_dead);
	return j.found;
}

static inline void
beat_now(struct world *w, struct db *db)
{
	struct job j = { .a = 0 };

	must(w, db, &j, beat);
}

static inline void
bury_it(struct world *w, struct db *db, int64_t number)
{
	struct job j = { .a = number };

	must(w, db, &j, bury);
}

#endif
