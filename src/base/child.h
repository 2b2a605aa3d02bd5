#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * A program that runs beside us, with its standard input and output in our
 * hands.  It is in a session and a group of its own, so that what it starts
 * can be ended with it.
 */
struct child {
	pid_t pid;
	int in;			/* we write what it reads; or -1 */
	int out;		/* we read what it writes; or -1 */
	int end;		/* readable once it has ended; -1: it has to */
				/* be asked (child_ended) */
};

/*
 * Starts the program at an absolute path without a shell and without
 * arguments.  It gets the environment `env` (NULL at its end), / as its
 * folder, the signals as they are by default, nowhere for what it says on
 * standard error, and no descriptor of ours.  Our ends never block.  Returns
 * 0 or an errno; then there is nothing to end.  May block as long as the disk
 * does: for a job of a pool.
 */
int child_start(struct child *, const char *path, char *const *env);

/*
 * Whether it has ended; never waits.  If so, what is left of its group is
 * killed, and the child must not be asked again.  *code is its exit code, or
 * minus the signal that ended it.
 */
bool child_ended(struct child *, int *code);

/* Sends a signal to its group. */
void child_kill(const struct child *, int signal);

/* Closes our ends; those that are closed already are -1. */
void child_close(struct child *);

#endif
