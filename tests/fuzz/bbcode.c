/*
 * Any bytes as BB-code: what must hold of the results holds.
 *
 * Run by make fuzz, with clang's libFuzzer.
 */
#include "bbcode_holds.h"

#include "codec/bbcode.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct bbcode_author a;
	const char *wrong = bbcode_holds((const char *)p, n);

	if (bbcode_author(&a, (const char *)p, n) &&
	    (a.rest > n || a.name_len > n))
		wrong = "a name is longer than its text";
	if (wrong != NULL) {
		(void)fprintf(stderr, "%s\n", wrong);
		abort();
	}
	return 0;
}
