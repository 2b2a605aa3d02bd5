/*
 * imconnectorctl check: what a configuration means, and what is wrong.
 *
 * Called as a command.  Owns nothing.
 */
#include "ctl/check.h"

#include "config.h"
#include "ctl/owner.h"
#include "store/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#define PRINT_MAX ((size_t)16 * 1024 * 1024)

/* What waits although the configuration is fine; a store that is not there,
 * or cannot be read, is no matter of the configuration. */
static void
warn_of_uncovered(const struct setup *s)
{
	struct problem p = { 0 };
	struct stats st;

	if (become_owner(s->config->store.url, &p) &&
	    store_stats(s->store, &st, &p) == ERR_OK && st.uncovered != 0)
		fprintf(stderr, "imconnectorctl: warning: %" PRId64
		    " messages wait whose connector no running handler takes "
		    "up; see 'imconnectorctl queue list'\n", st.uncovered);
}

static void
say_fine(const struct ctl *ctl)
{
	const char *path = config_path(ctl->a.given[ARG_CONFIG]);

	fprintf(stderr, "imconnectorctl: %s: the configuration is fine\n",
	    access(path, F_OK) == 0 ? path : "defaults, no file");
	warn_of_uncovered(&ctl->s);
}

enum err
check_command(struct ctl *ctl, struct problem *p)
{
	struct buf b;
	enum err e;

	buf_init(&b, PRINT_MAX);
	e = config_print(ctl->s.config, &b);
	if (e != ERR_OK)
		(void)problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	else if (fwrite(b.p, 1, b.len, stdout) != b.len ||
	    fflush(stdout) != 0)
		ctl->code = EX_IOERR;
	else
		say_fine(ctl);
	buf_free(&b);
	return e;
}
