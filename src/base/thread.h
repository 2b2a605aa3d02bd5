#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* What threads of this program have in common. */

/*
 * Starts one in which all signals are blocked: they are the loop's.  The
 * stack's size in bytes, 0: the usual one.  False: none could be had.
 */
bool thread_start(pthread_t *, void *(*run)(void *), void *ctx,
    size_t stack_size);

/* A condition variable by whose clock thread_in() tells times. */
bool thread_cond(pthread_cond_t *);
struct timespec thread_in(int64_t ms);

#endif
