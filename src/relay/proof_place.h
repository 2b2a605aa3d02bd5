#ifndef RELAY_PROOF_PLACE_H
#define RELAY_PROOF_PLACE_H

#include "relay/proofs.h"

#include <pthread.h>
#include <sys/queue.h>

/*
 * The places of proofs.  Private to relay/proof*.c.  A place has copies of
 * all that its proof needs, so a sender who was answered is gone, however
 * long the proof takes.
 */
#define PROOF_ARENA_MAX ((size_t)1024 * 1024)

/* A sender who is not answered yet; in the memory of his event. */
struct asker {
	struct sender *sender;
	struct outcome *out;
	STAILQ_ENTRY(asker) link;
};
STAILQ_HEAD(askers, asker);

enum stage {
	STAGE_FREE,
	STAGE_TAKEN,		/* its installation is being kept, or claimed */
	STAGE_READY,		/* for a thread */
	STAGE_RUNS
};

struct place {
	struct proofs *proofs;
	enum stage stage;
	struct arena arena;	/* its texts; of whoever works on it */
	struct install in;
	enum kept kept;
	struct deadline until;	/* for the answer */
	bool asked;		/* somebody came with it */
	bool open;		/* copies may join */
	int n;			/* how many are in the list */
	struct askers askers;
};

struct proofs {
	const struct env *env;
	bool started;		/* before anybody else looks */
	pthread_mutex_t lock;	/* guards the rest */
	pthread_cond_t wake;
	bool stop;
	int running;
	struct place place[PROOFS_MAX];
};

/* What is to be said to a sender; false: the problem. */
bool proof_tell(struct outcome *, enum install_end, enum kept,
    const char *why, struct problem *);

/* Says so to one, or to all who wait at a place, and sees them off. */
void proof_finish(struct sender *);
void place_answer(struct place *, enum install_end, const char *why);
void place_fail(struct place *, const struct problem *);

/*
 * Under the lock: the first place in that stage, the one of a copy of this
 * installation, or NULL; a free one, taken for whoever asks, or NULL; and one
 * more who asks.
 */
struct place *place_at(struct proofs *, enum stage);
struct place *place_of_copy(struct proofs *, const struct install *);
struct place *place_take(struct proofs *, const struct install *,
    struct asker *);
void place_join(struct place *, struct asker *);

/* On to a stage, with what the store said.  False: no proof begins now. */
bool place_move(struct place *, enum stage, const struct install *,
    enum kept);

/* It is free again.  Nobody waits there any more. */
void place_leave(struct place *);

/* How many proofs may be on their way by the store's count. */
int64_t proof_places(const struct proofs *);

/*
 * What becomes of an installation of which the store said *kept; that may
 * change while it waits for another process.  With INSTALL_DENIED why[] says
 * why.
 */
enum install_end proof_work(struct proofs *, struct install *,
    enum kept *, struct patience *, char why[OAUTH_REASON_MAX]);

/* Whether there is nothing to prove, and what is to be said then. */
bool proof_is_settled(enum kept, enum install_end *,
    char why[OAUTH_REASON_MAX]);

#endif
