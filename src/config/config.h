#ifndef CONFIG_H
#define CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "config/channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_DEFAULT_PATH "/etc/imconnector/imconnector.conf"
#define CONFIG_ENV "IMCONNECTOR_CONFIG"
#define CONFIG_OPTIONS 56	/* rows of the table in options.c */

/* Where it stands in the file; 0: nowhere. */
struct config_lines {
	int section;
	int of[CONFIG_OPTIONS];
};

/*
 * The whole configuration; read-only after loading.  Texts that are not set
 * are "" and never NULL.  Durations are in seconds, sizes in bytes.
 */
struct config {
	struct {
		char *application_token;	/* secret */
		char *client_id;
		char *client_secret;		/* secret */
		char *client_endpoint;
		struct config_list portals;	/* host patterns */
		struct config_list oauth_servers;	/* HOST[:PORT] */
		struct config_list connectors;	/* empty: every one */
		char *handler_url;	/* "": as the installation came */
		bool insecure_http;
		char *ca_file;
	} app;
	struct {
		int64_t workers;	/* threads for slow bodies */
		int64_t body_timeout;
		int64_t calls;		/* outgoing, all together */
		int64_t body_max;
		int64_t answer_within;
	} server;
	struct {
		char *url;
		int64_t keep_days;
	} store;
	struct {
		int64_t first, longest, give_up_after;
	} retry;
	struct {
		int64_t burst, rate;
		int64_t calls_in_flight;
		int64_t status_batch;
		int64_t timeout;
		char *proxy;
	} portal;
	struct {
		int64_t alert_age;		/* seconds */
		struct config_list allow;	/* addresses; empty: nobody */
	} status;
	struct log log;
	struct config_channel *channel;		/* [0] is the default */
	size_t channels;
	/* what is there to be named in messages */
	char *path;			/* of the file; "": there is none */
	struct config_lines lines;
	struct config_lines *channel_lines;	/* of each channel */
};

/*
 * Which file is read: `path` if it is not NULL (--config), else the file
 * named by $IMCONNECTOR_CONFIG, else CONFIG_DEFAULT_PATH.  Static or
 * borrowed; never freed by the caller.
 */
const char *config_path(const char *path);

/*
 * Reads that file on top of the embedded defaults.  Only the default path
 * may be missing.  ERR_CONFIG: the problem's text is "FILE:LINE: reason" of
 * the first wrong line (unknown section or option, one given twice, wrong
 * type or range, overlong line, no regular file, unreadable secret file).
 * ERR_NOMEM.  On OK the caller frees *out with config_free().
 */
enum err config_load(struct config **out, const char *path,
    struct problem *);

/* Who wants to hear of every wrong line, not of the first one only. */
struct config_sink {
	void (*wrong)(struct config_sink *, int line, const char *reason);
};

/*
 * The same, but a wrong line does not end the reading: each is told, with
 * line 0 for the file as a whole, and *out is there with ERR_CONFIG, too,
 * and all that could be read in it (a channel's url may be NULL then).
 */
enum err config_load_all(struct config **out, const char *path,
    struct config_sink *, struct problem *);

/* The line that sets an option of a section, or of a channel (whose section
 * itself is meant by a NULL); 0: none does. */
int config_line(const struct config *, const char *section,
    const char *name);
int config_channel_line(const struct config *, const struct config_channel *,
    const char *name);

/* Records "FILE:LINE: reason", or without line 0.  ERR_CONFIG. */
enum err config_wrong(const struct config *, int line, struct problem *,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * Texts that were written as other programs want them: in quotes, or with a
 * "# note" behind, so that these are now part of the text.
 */
void config_each_odd(const struct config *, struct config_sink *);

/*
 * Where messages of this connector (compared without case) and line go:
 * the section of the line, else of the connector, else the default.
 */
const struct config_channel *config_channel_for(const struct config *,
    const char *connector, int64_t line);

/*
 * Appends the effective values in the file's own syntax, ready to be read
 * again; a secret that is set shows as "; application_token is set".
 */
enum err config_print(const struct config *, struct buf *);

void config_free(struct config *);	/* NULL is fine */

#endif
