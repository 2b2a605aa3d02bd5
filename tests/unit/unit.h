#ifndef UNIT_H
#define UNIT_H

/* What every unit test needs: cmocka and the headers that it leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A run of bytes that may hold NULs; T() makes one of a literal. */
struct text {
	const char *p;
	size_t n;
};

#define T(s) { (s), sizeof(s) - 1 }

#endif
