/*
 * Values that are read as they stand, but were hardly meant so.
 *
 * Called by the checks, and by take.c for values that are refused.
 * Owns nothing; no value is ever repeated.
 */
#include "config/private.h"

#include <string.h>

const char *
config_odd(const char *value)
{
	size_t n = strlen(value);

	if (n > 1 && (value[0] == '"' || value[0] == '\'') &&
	    (value[n - 1] == value[0] || strchr(value + 1, value[0]) != NULL))
		return CONFIG_QUOTES;
	return strstr(value, " #") != NULL || strstr(value, "\t#") != NULL ?
	    "with a note behind" : NULL;
}

/* What a person writes and no type looks into. */
static bool
is_free_text(const struct option *o)
{
	return o->type == OPT_SECRET || o->type == OPT_TEXT ||
	    o->type == OPT_PATH || o->type == OPT_PROXY;
}

/* The options of one section, kept in `base`. */
static void
each_of(const void *base, const struct config_lines *lines,
    struct config_sink *sink)
{
	for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
		const struct option *o = &config_options[i];
		char *const *text = (const void *)((const char *)base + o->at);
		const char *odd;
		char reason[200];

		if (!is_free_text(o) || lines->of[i] == 0)
			continue;
		odd = config_odd(*text);
		if (odd == NULL)
			continue;
		(void)snprintf(reason, sizeof(reason), "[%s] %s is %s, which "
		    "is taken as part of it: %s", o->section, o->name, odd,
		    strcmp(odd, CONFIG_QUOTES) == 0 ? "take the quotes away" :
		    "a note begins with \" ;\", or stands on a line of its "
		    "own");
		sink->wrong(sink, lines->of[i], reason);
	}
}

void
config_each_odd(const struct config *c, struct config_sink *sink)
{
	each_of(c, &c->lines, sink);
	for (size_t i = 0; i < c->channels; i++)
		each_of(&c->channel[i], &c->channel_lines[i], sink);
}
