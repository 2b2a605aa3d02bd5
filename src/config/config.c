/*
 * The configuration: defaults, the file on top of them, and who asks.
 *
 * Called by the programs at start and by whoever is handed the result, which
 * nobody changes after config_load().  The configuration owns every text and
 * list in it.  On failure everything is freed and the problem says why.
 */
#include "config/config.h"

#include "config/private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *
config_path(const char *path)
{
	const char *env = getenv(CONFIG_ENV);

	if (path != NULL)
		return path;
	/* Empty is unset, as shells and service files make no difference. */
	return env != NULL && env[0] != '\0' ? env : CONFIG_DEFAULT_PATH;
}

/*
 * A secret belongs to the URL beside it: none comes from [channel] alone.
 * What only [connector ID] has is not in [channel] either.
 */
static enum err
own_defaults(struct config_channel *ch)
{
	struct why why;
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < CONFIG_OPTIONS; i++) {
		const struct option *o = &config_options[i];

		if (config_option_is_connector(o))
			e = config_option_set(o, ch, o->value, false, &why);
		else if (config_option_is_channel(o) &&
		    o->type == OPT_SECRET)
			e = config_option_set(o, ch, "", false, &why);
	}
	return e;
}

enum err
config_add_channel(struct config *c, const char *connector, size_t n)
{
	struct config_channel *grown = realloc(c->channel,
	    (c->channels + 1) * sizeof(*grown));
	struct config_lines *lines = realloc(c->channel_lines,
	    (c->channels + 1) * sizeof(*lines));
	char *name = strndup(connector, n);

	if (grown != NULL)
		c->channel = grown;
	if (lines != NULL)
		c->channel_lines = lines;
	if (grown == NULL || lines == NULL || name == NULL) {
		free(name);
		return ERR_NOMEM;
	}
	lines[c->channels] = (struct config_lines){ 0 };
	grown[c->channels++] = (struct config_channel){ .connector = name,
	    .events = -1, .text = -1, .signature = -1, .files = -1 };
	return own_defaults(&grown[c->channels - 1]);
}

/* The rows of [channel] are kept in the channel, all others in the root. */
static void *
base_of(const struct option *o, struct config *c)
{
	return config_option_is_channel(o) ? (void *)c->channel : c;
}

static enum err
set_defaults(struct config *c)
{
	struct why why;
	enum err e = config_add_channel(c, "", 0);

	for (size_t i = 0; e == ERR_OK && i < CONFIG_OPTIONS; i++) {
		const struct option *o = &config_options[i];

		if (o->value != NULL && !config_option_is_connector(o))
			e = config_option_set(o, base_of(o, c), o->value,
			    false, &why);
	}
	return e;
}

static enum err
inherit_text(char **to, const char *from)
{
	free(*to);
	*to = strdup(from);
	return *to != NULL ? ERR_OK : ERR_NOMEM;
}

/* With the secrets that belong to it. */
static enum err
inherit_url(struct config_channel *ch, const struct config_channel *top)
{
	enum err e = inherit_text(&ch->url, top->url);

	if (e == ERR_OK && ch->secret[0] == '\0') {
		e = inherit_text(&ch->secret, top->secret);
		if (e == ERR_OK)
			e = inherit_text(&ch->secret_previous,
			    top->secret_previous);
	}
	return e;
}

/* Files are fetched for spools only: others keep the links. */
static int
files_of(const struct config_channel *ch, const struct config_channel *top)
{
	return strncmp(ch->url, "spool:", strlen("spool:")) == 0 ?
	    top->files : FILES_LINKS;
}

static enum err
inherit(struct config_channel *ch, const struct config_channel *top)
{
	if (ch->timeout == 0)
		ch->timeout = top->timeout;
	if (ch->in_flight == 0)
		ch->in_flight = top->in_flight;
	if (ch->events < 0)
		ch->events = top->events;
	if (ch->text < 0)
		ch->text = top->text;
	if (ch->signature < 0)
		ch->signature = top->signature;
	if (ch->url == NULL && inherit_url(ch, top) != ERR_OK)
		return ERR_NOMEM;
	if (ch->files < 0)
		ch->files = files_of(ch, top);
	if (ch->files_max == 0)
		ch->files_max = top->files_max;
	return ch->files_types.n != 0 ? ERR_OK :
	    config_list_copy(&ch->files_types, &top->files_types);
}

/* Only now, as [channel] may stand behind the sections that lean on it. */
static enum err
inherit_all(struct config *c)
{
	enum err e = ERR_OK;

	for (size_t i = 1; e == ERR_OK && i < c->channels; i++)
		e = inherit(&c->channel[i], &c->channel[0]);
	return e;
}

enum err
config_load_all(struct config **out, const char *path,
    struct config_sink *sink, struct problem *p)
{
	struct config *c = calloc(1, sizeof(*c));
	enum err e;

	*out = NULL;
	if (c == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	c->path = strdup(config_path(path));
	e = c->path != NULL ? set_defaults(c) : ERR_NOMEM;
	if (e != ERR_OK)
		(void)problem_set(p, e, -1, NULL, "no defaults: %s",
		    err_name(e));
	else
		e = config_read(c, config_path(path), sink, p);
	if ((e == ERR_OK || (e == ERR_CONFIG && sink != NULL)) &&
	    inherit_all(c) != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	if (e == ERR_OK || (e == ERR_CONFIG && sink != NULL))
		*out = c;
	else
		config_free(c);
	return e;
}

enum err
config_load(struct config **out, const char *path, struct problem *p)
{
	return config_load_all(out, path, NULL, p);
}

const struct config_channel *
config_channel_for(const struct config *c, const char *connector,
    int64_t line)
{
	const struct config_channel *best = &c->channel[0];

	for (size_t i = 1; i < c->channels; i++) {
		const struct config_channel *ch = &c->channel[i];

		if (strcasecmp(ch->connector, connector) != 0)
			continue;
		if (ch->line == line)
			return ch;
		if (ch->line == 0)
			best = ch;
	}
	return best;
}

static void
free_channel(struct config_channel *ch)
{
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		if (config_option_is_channel(&config_options[i]))
			config_option_free(&config_options[i], ch);
	free(ch->connector);
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		if (!config_option_is_channel(&config_options[i]))
			config_option_free(&config_options[i], c);
	for (size_t i = 0; i < c->channels; i++)
		free_channel(&c->channel[i]);
	free(c->channel);
	free(c->channel_lines);
	free(c->path);
	free(c);
}
