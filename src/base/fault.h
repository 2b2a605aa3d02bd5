#ifndef BASE_FAULT_H
#define BASE_FAULT_H

/*
 * Named points on the way of an event where a test may kill the process.
 * Free in the product; in a build with -DFAULT_POINTS, $IMCONNECTOR_FAULT
 * "NAME" or "NAME:N" makes the N-th passing of that point a SIGKILL.  With
 * $IMCONNECTOR_FAULT_ONCE the dying process makes that file first, and does
 * not die where it exists already.
 *
 * fault_ms() is a time of the product's, which that variable may change.
 */
#ifdef FAULT_POINTS
#include <stdint.h>

void fault_point(const char *name);
int64_t fault_ms(const char *variable, int64_t ms);
/* All names, NULL at the end: what the tests must reach. */
extern const char *const fault_names[];
#else
#define fault_point(name) ((void)0)
#define fault_ms(variable, ms) (ms)
#endif

#endif
