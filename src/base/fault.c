/*
 * The trap doors of tests; nothing of it is in the product.
 *
 * Called at the named points.  Owns the counters of the points.  A name that
 * is not in the list ends the process: a test must not wait for it in vain.
 */
#include "base/fault.h"

#ifdef FAULT_POINTS

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const fault_names[] = {
	"take-before-commit", "take-after-commit", "hand-over-before",
	"hand-over-after", "delivered-before-commit",
	"delivered-after-commit", "status-before", "status-after",
	"acknowledged-before-commit", "acknowledged-after-commit",
	"answer-before", "answer-after", "refresh-before", "refresh-after",
	"tokens-before-commit", "tokens-after-commit",
	"install-before-commit", "install-after-commit", NULL,
};

static atomic_int passed[sizeof(fault_names) / sizeof(fault_names[0])];

static size_t
index_of(const char *name, size_t n)
{
	size_t i = 0;

	while (fault_names[i] != NULL && (strlen(fault_names[i]) != n ||
	    memcmp(fault_names[i], name, n) != 0))
		i++;
	if (fault_names[i] == NULL)
		abort();
	return i;
}

void
fault_point(const char *name)
{
	const char *want = getenv("IMCONNECTOR_FAULT");
	const char *once = getenv("IMCONNECTOR_FAULT_ONCE");
	size_t i = index_of(name, strlen(name)), n;
	long at = 1;

	if (want == NULL || want[0] == '\0')
		return;
	n = strcspn(want, ":");
	if (want[n] == ':')
		at = strtol(want + n + 1, NULL, 10);
	if (index_of(want, n) != i || atomic_fetch_add(&passed[i], 1) + 1 !=
	    at)
		return;
	if (once != NULL && open(once, O_CREAT | O_EXCL | O_WRONLY, 0600) < 0)
		return;
	(void)kill(getpid(), SIGKILL);
}

int64_t
fault_ms(const char *variable, int64_t ms)
{
	const char *want = getenv(variable);

	return want != NULL ? strtol(want, NULL, 10) : ms;
}

#else

/* ISO C wants a translation unit to hold something. */
typedef int fault_nothing;

#endif
