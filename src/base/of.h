#ifndef BASE_OF_H
#define BASE_OF_H

#include <stddef.h>
#include <stdint.h>

/* The struct that a part of it (a task, a timer, a letter) lies in. */
#define OF(part, type, member) ((type *)(void *)((char *)(uintptr_t)(part) - \
	offsetof(type, member)))

#endif
