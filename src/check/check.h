#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "base/buf.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is wrong with a configuration and with what it names in the world,
 * as this process's user finds it.  All of it, not the first; nothing that
 * is found is changed, and nothing that is made for a trial stays.
 */
struct finding {
	bool error;		/* else a warning: it works, or may yet */
	int line;		/* of the file; 0: of none */
	char *what;		/* an option, a path, a host */
	char *why;
	char *run;		/* the command that mends it, or "" */
};

struct check {
	struct config_sink sink;	/* wrong lines become findings */
	const char *file;	/* that is read */
	bool token_known;	/* set by the caller: a portal is installed */
	struct finding *of;
	size_t n, errors;
	bool short_of_memory;
};

/* `path` as config_load() takes it.  To be ended, whatever happens. */
void check_init(struct check *, const char *path);
void check_end(struct check *);

/* What the texts of the configuration tell. */
void check_options(struct check *, const struct config *);
/* Paths, by trial: folders, files, a CA's certificates. */
void check_paths(struct check *, const struct config *);
/* Names of hosts; waits for so long at the most. */
void check_hosts(struct check *, const struct config *, int64_t ms);

/* Notes a finding: an error, or a warning.  `run` may be NULL. */
void check_add(struct check *, bool error, int line, const char *what,
    const char *why, const char *run);

/* A line for each, level=error or level=warning. */
void check_log(const struct check *, const struct log *);

/* "FILE:LINE: what: why. Run: run", without newline.  As buf_add(). */
enum err check_text(const struct check *, const struct finding *,
    struct buf *);

#endif
