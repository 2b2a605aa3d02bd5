/*
 * Values of options: from their text into the configuration.
 *
 * Called by read.c and config.c.  Owns nothing; texts and lists that
 * it makes belong to the configuration and go with config_option_free().  A
 * value that is refused may leave the option half set (a list), always so
 * that it can be freed.  The reason never repeats a secret.
 */
#include "config/private.h"

#include "base/near.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Where the option is kept; its type was chosen to fit. */
static void *
place(const struct option *o, void *base)
{
	return (char *)base + o->at;
}

struct shown
config_show(const char *s, size_t n)
{
	struct shown out;
	size_t i;

	for (i = 0; i < n && i < sizeof(out.text) - 4; i++)
		out.text[i] = s[i] < ' ' || s[i] > '~' ? '?' : s[i];
	(void)snprintf(out.text + i, sizeof(out.text) - i, "%s",
	    i < n ? "..." : "");
	return out;
}

bool
config_number(const char *s, int64_t *out)
{
	if (*s == '\0' || s[strspn(s, DIGITS)] != '\0')
		return false;
	errno = 0;
	*out = strtoll(s, NULL, 10);
	return errno == 0;
}

bool
config_name_ok(const char *s, size_t n)
{
	return n >= 1 && n <= CONFIG_NAME_MAX &&
	    strspn(s, LETTERS DIGITS "_") >= n;
}

static enum err
set_text(char **where, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return ERR_NOMEM;
	free(*where);
	*where = copy;
	return ERR_OK;
}

enum err
config_refuse(struct why *w, const char *must, const char *text, size_t n)
{
	(void)snprintf(w->text, sizeof(w->text), "must be %s, not \"%s\"",
	    must, config_show(text, n).text);
	return ERR_CONFIG;
}

static enum err
set_int(const struct option *o, int64_t *where, const char *text,
    struct why *w)
{
	char must[64];

	if (config_number(text, where) && *where >= o->min &&
	    *where <= o->max)
		return ERR_OK;
	(void)snprintf(must, sizeof(must), "a number from %lld to %lld",
	    (long long)o->min, (long long)o->max);
	return config_refuse(w, must, text, strlen(text));
}

static enum err
set_bool(bool *where, const char *text, struct why *w)
{
	static const char *const words[] = { "no", "yes", "false", "true",
		"off", "on" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0) {
			*where = i % 2 == 1;
			return ERR_OK;
		}
	return config_refuse(w, "yes or no", text, strlen(text));
}

/* The place of a word of n bytes among words parted by blanks, or -1. */
static int
word_at(const char *words, const char *s, size_t n)
{
	for (int i = 0; *words != '\0'; i++) {
		size_t len = strcspn(words, " ");

		if (len == n && memcmp(words, s, n) == 0)
			return i;
		words += len;
		words += strspn(words, " ");
	}
	return -1;
}

static enum err
set_word(const struct option *o, int *where, const char *text, struct why *w)
{
	char must[64];
	struct near near = { 0 };
	size_t n;
	int i = word_at(o->words, text, strlen(text));

	if (i >= 0) {
		*where = i;
		return ERR_OK;
	}
	(void)snprintf(must, sizeof(must), "one of: %s", o->words);
	(void)config_refuse(w, must, text, strlen(text));
	near_try_words(&near, text, o->words);
	n = strlen(w->text);
	if (near.word != NULL)
		(void)snprintf(w->text + n, sizeof(w->text) - n,
		    ": did you mean %.*s?", (int)near.n, near.word);
	return ERR_CONFIG;
}

static enum err
set_path(char **where, const char *text, struct why *w)
{
	if (text[0] != '\0' && text[0] != '/')
		return config_refuse(w, "an absolute path", text, strlen(text));
	return set_text(where, text);
}

static enum err
set_limited(const struct option *o, char **where, const char *text,
    struct why *w)
{
	if (o->max == 0 || strlen(text) <= (size_t)o->max)
		return set_text(where, text);
	(void)snprintf(w->text, sizeof(w->text),
	    "must not be longer than %lld bytes", (long long)o->max);
	return ERR_CONFIG;
}

static enum err
set_color(char **where, const char *text, struct why *w)
{
	if (text[0] == '#' && strlen(text) == 7 &&
	    strspn(text + 1, DIGITS "abcdefABCDEF") == 6)
		return set_text(where, text);
	return config_refuse(w, "a colour such as #2fc6f6", text, strlen(text));
}

/* Read now, so that nothing has to be read while others wait. */
static enum err
set_file(struct config_file *where, const char *text, struct why *w)
{
	enum err e = set_path(&where->path, text, w);

	if (e == ERR_OK)
		e = text[0] == '\0' ? set_text(&where->text, "") :
		    config_read_text(&where->text, text, w);
	return e;
}

/* Whether something stands behind the scheme that the scheme can use. */
static bool
url_rest_ok(const char *text, size_t scheme)
{
	const char *rest = text + scheme + 1;

	if (strncmp(text, "http", 4) == 0)
		return strncmp(rest, "//", 2) == 0 && rest[2] != '\0' &&
		    rest[2] != '/';
	return rest[0] != '\0' || strncmp(text, "null", 4) == 0;
}

/* Of this machine. */
static bool
is_folder(const char *url)
{
	return strncmp(url, "sqlite:", 7) == 0 ||
	    strncmp(url, "spool:", 6) == 0;
}

/* A URL may hold a password: the reason repeats nothing of it. */
static enum err
set_url(const struct option *o, char **where, const char *text, struct why *w)
{
	size_t scheme = strcspn(text, ":");
	bool known = text[scheme] == ':' &&
	    word_at(o->words, text, scheme) >= 0;

	if (text[0] == '\0' && o->min == 0)
		return set_text(where, text);
	if (known && is_folder(text) && text[scheme + 1] != '/')
		(void)snprintf(w->text, sizeof(w->text),
		    "needs an absolute path, as in %s", o->value);
	else if (known && strpbrk(text, " \t") == NULL &&
	    url_rest_ok(text, scheme))
		return set_text(where, text);
	else
		(void)snprintf(w->text, sizeof(w->text),
		    "must be a whole URL, its scheme one of: %s", o->words);
	return ERR_CONFIG;
}

enum err
config_option_set(const struct option *o, void *base, const char *text,
    bool more, struct why *w)
{
	void *where = place(o, base);

	if (o->type == OPT_EVENTS)
		return config_events_set(o, where, text, more, w);
	if (config_option_is_list(o))
		return config_list_set(o, where, text, more, w);
	switch (o->type) {
	case OPT_INT:
		return set_int(o, where, text, w);
	case OPT_BOOL:
		return set_bool(where, text, w);
	case OPT_WORD:
		return set_word(o, where, text, w);
	case OPT_PATH:
		return set_path(where, text, w);
	case OPT_TEXT:
		return set_limited(o, where, text, w);
	case OPT_COLOR:
		return set_color(where, text, w);
	case OPT_FILE:
		return set_file(where, text, w);
	case OPT_URL:
		return set_url(o, where, text, w);
	case OPT_SECRET_FILE:
		return config_read_secret(where, text, w);
	default:
		return set_text(where, text);
	}
}

void
config_option_free(const struct option *o, void *base)
{
	char **text = place(o, base);
	struct config_file *file = place(o, base);

	switch (o->type) {
	case OPT_FILE:
		free(file->path);
		free(file->text);
		*file = (struct config_file){ NULL, NULL };
		break;
	case OPT_HOSTS:
	case OPT_SERVERS:
	case OPT_NAMES:
	case OPT_ADDRESSES:
	case OPT_TYPES:
		config_list_free(place(o, base));
		break;
	case OPT_SECRET:
	case OPT_TEXT:
	case OPT_COLOR:
	case OPT_PATH:
	case OPT_URL:
	case OPT_PROXY:
		free(*text);
		*text = NULL;
		break;
	default:	/* a number, or the secret of a row that frees it */
		break;
	}
}
