/*
 * Retrying, dropping and purging, by hand or by a timer.
 *
 * Called by imconnectorctl, while handlers may work on the same queue.
 * Owns nothing.
 */
#include "ctl/act.h"

#include "relay/relay.h"
#include "store/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void
print_count(const char *name, int64_t n, bool json)
{
	if (json)
		printf("{\"%s\":%" PRId64 "}\n", name, n);
	else
		printf("%s: %" PRId64 "\n", name, n);
}

static enum err
nothing_done(const char *key, struct problem *p)
{
	return problem_set(p, ERR_UNUSABLE, -1, NULL, "there is no message "
	    "with the key %.80s that this can be done to", key);
}

enum err
act_retry_refused(struct store *s, const char *key, bool json,
    struct problem *p)
{
	int64_t n;
	enum err e = store_retry(s, key, &n, p);

	if (e == ERR_OK && key != NULL && n == 0)
		return nothing_done(key, p);
	if (e == ERR_OK)
		print_count("retried", n, json);
	return e;
}

enum err
act_drop(struct store *s, const char *key, bool json, struct problem *p)
{
	int64_t n;
	enum err e = store_drop(s, key, &n, p);

	if (e == ERR_OK && n == 0)
		return nothing_done(key, p);
	if (e == ERR_OK)
		print_count("dropped", n, json);
	return e;
}

static void
show_pass(void *ctx, const struct pass *pass)
{
	(void)ctx;
	fprintf(stderr, "\r%" PRId64 " moved on, %" PRId64 " failed ",
	    pass->done, pass->failed);
}

enum err
act_pass(struct relay *r, bool json, struct problem *p)
{
	bool terminal = isatty(STDERR_FILENO) == 1;
	struct pass pass = { .messages = INT64_MAX, .ms = INT32_MAX,
	    .progress = terminal ? show_pass : NULL };
	enum err e = relay_pass(r, &pass, p);

	if (terminal)
		(void)fputc('\n', stderr);
	if (e != ERR_OK)
		return e;
	if (json)
		printf("{\"moved\":%" PRId64 ",\"failed\":%" PRId64 "}\n",
		    pass.done, pass.failed);
	else
		printf("moved on: %" PRId64 ", failed: %" PRId64 "\n",
		    pass.done, pass.failed);
	return e;
}

enum err
act_purge(struct store *s, bool json, struct problem *p)
{
	bool terminal = isatty(STDERR_FILENO) == 1, more = true;
	int64_t all = 0, n;
	enum err e = ERR_OK;

	/* the walk may stand anywhere: once to its end, then all of it */
	for (int ends = 0; e == ERR_OK && ends < 2;) {
		e = store_purge(s, &n, &more, p);
		all += n;
		ends += !more;
		if (terminal)
			fprintf(stderr, "\r%" PRId64 " removed ", all);
	}
	if (terminal)
		(void)fputc('\n', stderr);
	if (e == ERR_OK)
		print_count("removed", all, json);
	return e;
}
