/*
 * The configuration as text: the file's own syntax, so that what is printed
 * can be read again.
 *
 * Called by the operator's tools.  Owns nothing.  On failure (ERR_TOOBIG,
 * ERR_NOMEM) the buffer holds a part that ends anywhere.  No secret is ever
 * printed, only that there is one; so a URL is printed without its user and
 * its query, which often are secrets.
 */
#include "config/private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_WIDTH 72		/* columns, for people */
#define PRINT_LINE_MAX 190	/* bytes; " = " must not make it unreadable */
#define TAB 8

/* Without blanks where they would make the line too long or a comment. */
static enum err
print_pair(struct buf *b, const char *name, const char *value)
{
	bool tight = value[0] == ';' ||
	    strlen(name) + strlen(value) > PRINT_LINE_MAX;
	enum err e = buf_adds(b, name);

	if (e == ERR_OK)
		e = buf_adds(b, tight ? "=" : value[0] == '\0' ? " =" : " = ");
	if (e == ERR_OK)
		e = buf_adds(b, value);
	return e == ERR_OK ? buf_addc(b, '\n') : e;
}

static enum err
print_list(struct buf *b, const char *name, const struct config_list *l)
{
	size_t column = strlen(name) + 2;
	enum err e = buf_adds(b, name);

	if (e == ERR_OK)
		e = buf_adds(b, " =");
	for (size_t i = 0; e == ERR_OK && i < l->n; i++) {
		size_t n = strlen(l->item[i]);
		bool wrap = column + 1 + n > PRINT_WIDTH;

		column = wrap ? TAB + n : column + 1 + n;
		e = buf_adds(b, wrap ? "\n\t" : " ");
		if (e == ERR_OK)
			e = buf_adds(b, l->item[i]);
	}
	return e == ERR_OK ? buf_addc(b, '\n') : e;
}

static enum err
print_int(struct buf *b, const char *name, int64_t i)
{
	return buf_addf(b, "%s = %" PRId64 "\n", name, i);
}

static enum err
print_word(struct buf *b, const struct option *o, int i)
{
	const char *s = o->words;

	for (; i > 0; i--) {
		s += strcspn(s, " ");
		s += strspn(s, " ");
	}
	return buf_addf(b, "%s = %.*s\n", o->name, (int)strcspn(s, " "), s);
}

static enum err
print_events(struct buf *b, const struct option *o, int64_t bits)
{
	const char *s = o->words;
	enum err e = buf_addf(b, "%s =", o->name);

	for (; e == ERR_OK && bits != 0; bits >>= 1) {
		size_t n = strcspn(s, " ");

		if ((bits & 1) != 0)
			e = buf_addf(b, " %.*s", (int)n, s);
		s += n;
		s += strspn(s, " ");
	}
	return e == ERR_OK ? buf_addc(b, '\n') : e;
}

/*
 * The user and password of a URL: *at, so many bytes with the "@".  A proxy
 * may be without a scheme, has no path, and any byte in its password.
 */
static size_t
user_of(const char *url, bool proxy, const char **at)
{
	size_t scheme = strcspn(url, ":/@");
	const char *end;

	*at = strncmp(url + scheme, "://", 3) == 0 ? url + scheme + 3 : url;
	end = memrchr(*at, '@', proxy ? strlen(*at) : strcspn(*at, "/?#"));
	return end != NULL ? (size_t)(end + 1 - *at) : 0;
}

static enum err
print_url(struct buf *b, const struct option *o, const char *url)
{
	const char *user;
	size_t n = user_of(url, o->type == OPT_PROXY, &user);
	size_t rest = strcspn(user + n, "?#");
	char *shown = strdup(url);
	enum err e = ERR_NOMEM;

	if (shown == NULL)
		return e;
	memcpy(shown + (user - url), user + n, rest);
	shown[(size_t)(user - url) + rest] = '\0';
	e = print_pair(b, o->name, shown);
	free(shown);
	if (e == ERR_OK && n != 0)
		e = buf_addf(b, "; the user in %s is not shown\n", o->name);
	if (e == ERR_OK && user[n + rest] != '\0')
		e = buf_addf(b, "; the query in %s is not shown\n", o->name);
	return e;
}

static enum err
print_option(const struct option *o, const void *base, struct buf *b)
{
	const void *at = (const char *)base + o->at;
	char *const *text = at;

	switch (o->type) {
	case OPT_INT:
		return print_int(b, o->name, *(const int64_t *)at);
	case OPT_BOOL:
		return print_pair(b, o->name,
		    *(const bool *)at ? "yes" : "no");
	case OPT_WORD:
		return print_word(b, o, *(const int *)at);
	case OPT_EVENTS:
		return print_events(b, o, *(const int64_t *)at);
	case OPT_HOSTS:
	case OPT_SERVERS:
	case OPT_NAMES:
	case OPT_ADDRESSES:
	case OPT_TYPES:
		return print_list(b, o->name, at);
	case OPT_SECRET:
		return (*text)[0] == '\0' ? ERR_OK :
		    buf_addf(b, "; %s is set\n", o->name);
	case OPT_SECRET_FILE:
		return ERR_OK;
	case OPT_FILE:
		return print_pair(b, o->name,
		    ((const struct config_file *)at)->path);
	case OPT_URL:
	case OPT_PROXY:
		return print_url(b, o, *text);
	default:
		return print_pair(b, o->name, *text);
	}
}

static enum err
print_section(struct buf *b, const char *name)
{
	return buf_addf(b, "%s[%s]\n", b->len != 0 ? "\n" : "", name);
}

/* What concerns the connector as a whole is not said of its lines. */
static bool
is_said_of(const struct config_channel *ch, const struct option *o)
{
	return config_option_is_channel(o) && (ch->line == 0 ||
	    !config_option_is_connector(o));
}

/* "[connector NAME]", or "[connector NAME/LINE]" where there is a line. */
static enum err
print_channel(struct buf *b, const struct config_channel *ch)
{
	enum err e = buf_addf(b, "\n[connector %s", ch->connector);

	if (e == ERR_OK && ch->line != 0)
		e = buf_addf(b, "/%" PRId64, ch->line);
	if (e == ERR_OK)
		e = buf_adds(b, "]\n");
	for (size_t i = 0; e == ERR_OK && i < CONFIG_OPTIONS; i++)
		if (is_said_of(ch, &config_options[i]))
			e = print_option(&config_options[i], ch, b);
	return e;
}

enum err
config_print(const struct config *c, struct buf *b)
{
	const char *section = "";
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < CONFIG_OPTIONS; i++) {
		const struct option *o = &config_options[i];
		bool channel = config_option_is_channel(o);

		if (config_option_is_connector(o))
			continue;
		if (strcmp(section, o->section) != 0)
			e = print_section(b, o->section);
		section = o->section;
		if (e == ERR_OK)
			e = print_option(o, channel ? (const void *)c->channel :
			    c, b);
	}
	for (size_t i = 1; e == ERR_OK && i < c->channels; i++)
		e = print_channel(b, &c->channel[i]);
	return e;
}
