#ifndef CONFIG_PRIVATE_H
#define CONFIG_PRIVATE_H

/* For config*.c only: the table of options and what works on a row of it. */
#include "config/config.h"

#include <stdio.h>

enum option_type {
	OPT_INT,	/* min to max */
	OPT_BOOL,
	OPT_WORD,	/* one of `words`, kept as its index in an int */
	OPT_TEXT,	/* max: bytes; 0: as long as a line is */
	OPT_COLOR,	/* #rrggbb */
	OPT_FILE,	/* a path whose content is kept, too, or empty */
	OPT_PATH,	/* absolute, or empty */
	OPT_URL,	/* its scheme is one of `words`; min 1: needed */
	OPT_PROXY,	/* a text that may be a URL with a password */
	OPT_HOSTS,	/* list of hosts and "*.zone" */
	OPT_SERVERS,	/* the same, each perhaps with a ":PORT" behind it */
	OPT_NAMES,	/* list of connector names */
	OPT_EVENTS,	/* list of `words`, kept as bits in an int64_t */
	OPT_ADDRESSES,	/* list of IP addresses, each perhaps with "/BITS" */
	OPT_TYPES,	/* list of media types, with * for a part */
	OPT_SECRET,
	OPT_SECRET_FILE	/* its content is the OPT_SECRET at `at` */
};

struct option {
	const char *section;
	const char *name;
	enum option_type type;
	size_t at;		/* in struct config, or config_channel */
	int64_t min;
	int64_t max;
	const char *value;	/* the default, as it would be written */
	const char *words;
};

#define CONFIG_NAME_MAX 64	/* bytes in a connector's name */

extern const struct option config_options[CONFIG_OPTIONS];

/* Why a value or a file is refused, for a line "FILE:LINE: [section] ...". */
struct why {
	char text[320];
	bool missing;		/* there is no such file */
};

/*
 * Sets one option of `base` from its text; `more` adds to a list instead of
 * replacing it.  ERR_CONFIG with the reason in *why, or ERR_NOMEM.
 */
enum err config_option_set(const struct option *, void *base,
    const char *text, bool more, struct why *);

/* Says "must be ..., not ..." with the text's first n bytes; ERR_CONFIG. */
enum err config_refuse(struct why *, const char *must, const char *text,
    size_t n);

/* As config_option_set(), for lists and for OPT_EVENTS. */
enum err config_list_set(const struct option *, struct config_list *,
    const char *text, bool more, struct why *);
enum err config_events_set(const struct option *, int64_t *bits,
    const char *text, bool more, struct why *);
/* Adds the items of another list.  ERR_NOMEM. */
enum err config_list_copy(struct config_list *, const struct config_list *);
void config_list_free(struct config_list *);

/* Frees what the option holds.  Safe on one that was never set. */
void config_option_free(const struct option *, void *base);

/*
 * Whether it is a list; whether its base is a struct config_channel: those of
 * [channel], and those that only [connector ID] has.
 */
bool config_option_is_list(const struct option *);
bool config_option_is_channel(const struct option *);
bool config_option_is_connector(const struct option *);

/* Digits only, 0 to 2^63-1. */
bool config_number(const char *, int64_t *);

/* Whether n bytes are a connector's name. */
bool config_name_ok(const char *, size_t n);

/* Copies a text for people: cut, and nothing in it that moves a terminal. */
struct shown {
	char text[44];
};
struct shown config_show(const char *, size_t n);

/* Adds a channel with this connector's name, with nothing given but the
 * defaults of what only [connector ID] has.  ERR_NOMEM. */
enum err config_add_channel(struct config *, const char *connector, size_t n);

/* Opens a regular file of at most `max` bytes.  ERR_CONFIG with *why. */
enum err config_open(FILE **, const char *path, int64_t max, struct why *);

/* The secret in a file, as a new text.  ERR_CONFIG with *why, ERR_NOMEM. */
enum err config_read_secret(char **, const char *path, struct why *);

/* The text in a file, as a new one.  ERR_CONFIG with *why, ERR_NOMEM. */
enum err config_read_text(char **, const char *path, struct why *);

/* "in quotes", "with a note behind", or NULL: as config_each_odd() means. */
#define CONFIG_QUOTES "in quotes"
const char *config_odd(const char *value);

/* The row of an option, or NULL. */
const struct option *config_option_find(const char *section,
    const char *name);

/* Reads the file into *c, which holds the defaults.  As config_load_all(),
 * without a sink as config_load(). */
enum err config_read(struct config *, const char *path, struct config_sink *,
    struct problem *);

#endif
