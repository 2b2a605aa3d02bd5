#ifndef EXEC_SITE_H
#define EXEC_SITE_H

/* An exec channel and the shell scripts that it runs, for t_exec*.c. */
#include "channel/channel.h"

#include "channel_world.h"
#include "config_files.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KEY "abcDEF-_0123456789"

struct site {
	struct channel_world world;
	struct config config;
	struct config_channel channel;
	char url[256];
};

static inline void
use(struct site *s, const char *path)
{
	struct problem p = { 0 };

	(void)snprintf(s->url, sizeof(s->url), "exec:%s", path);
	assert_int_equal(cw_open(&s->world, &s->config, &p), ERR_OK);
}

/* A shell script; %s in it is the tests' folder. */
static inline void
program(struct site *s, const char *body)
{
	char text[1024] = "#!/bin/sh\n";
	const char *at, *path;

	for (; (at = strstr(body, "%s")) != NULL; body = at + 2)
		(void)snprintf(text + strlen(text), sizeof(text) -
		    strlen(text), "%.*s%s", (int)(at - body), body, folder);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
	    body);
	path = write_file("program", text);
	assert_int_equal(chmod(path, 0755), 0);
	use(s, path);
}

static inline int
start(void **state)
{
	static char none[] = "";
	struct site *s = calloc(1, sizeof(*s));

	*state = s;
	if (s == NULL)
		return -1;
	(void)signal(SIGPIPE, SIG_IGN);
	cw_begin(&s->world, 2);
	s->channel = (struct config_channel){ .connector = none,
	    .url = s->url, .timeout = 60, .in_flight = 32 };
	s->config.channel = &s->channel;
	s->config.channels = 1;
	return 0;
}

/* All that were started are gone, and taken away. */
static inline int
stop(void **state)
{
	struct site *s = *state;

	cw_end(&s->world);
	free(s);
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

static inline struct parcel
parcel_of(const char *object, size_t n)
{
	return (struct parcel){ KEY, 1773759161000000, object, n,
	    "ONIMCONNECTORMESSAGEADD", "mine", 107 };
}

static inline struct receipt
send_bytes(struct site *s, const char *object, size_t n)
{
	const struct parcel parcel = parcel_of(object, n);
	struct receipt r = cw_send(&s->world, &s->channel, &parcel);

	assert_true((r.err == ERR_OK) == (r.reason[0] == '\0'));
	assert_true((r.err == ERR_OK) == (r.ids.len != 0));
	assert_int_equal(r.retry_after_s, -1);
	return r;
}

static inline void
ids_are(struct site *s, const char *object, size_t n, const char *ids)
{
	struct receipt r = send_bytes(s, object, n);

	if (r.err != ERR_OK || strcmp(buf_str(&r.ids), ids) != 0)
		fail_msg("%.60s: %s%.200s", object, r.reason,
		    buf_str(&r.ids));
	receipt_free(&r);
}

static inline void
ends_as(struct site *s, enum err e, bool down, const char *reason)
{
	struct receipt r = send_bytes(s, "x", 1);

	if (r.err != e || strcmp(r.reason, reason) != 0)
		fail_msg("%s: %s", err_name(r.err), r.reason);
	assert_int_equal(r.down, down);
	assert_false(r.untold);
	receipt_free(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

#endif
