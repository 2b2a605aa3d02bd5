#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>

/*
 * The first thing in main() of every program: descriptors 0 to 2 are open
 * behind it, and there will be no core dump, for memory holds tokens, unless
 * $IMCONNECTOR_CORE is "1"; children can be waited for.  False, with errno: it
 * must not go on.
 */
bool process_begin(void);

#endif
