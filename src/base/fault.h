#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdint.h>

/*
 * Named points on the way of an event where a test may kill the process.
 * Free in the product; in a build with -DFAULT_POINTS, $IMCONNECTOR_FAULT
 * "NAME" or "NAME:N" makes the N-th passing of that point a SIGKILL.  With
 * $IMCONNECTOR_FAULT_ONCE the dying process makes that file first, and does
 * not die where it exists already.
 */
#ifdef FAULT_POINTS
void fault_point(const char *name);
/* All names, NULL at the end: what the tests must reach. */
extern const char *const fault_names[];
/* A time that tests can shorten: of the environment, else `usual`. */
int64_t fault_ms(const char *name, int64_t usual);
#else
#define fault_point(name) ((void)0)
#define fault_ms(name, usual) (usual)
#endif

#endif
