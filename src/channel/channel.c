/*
 * The channels of a configuration, and what all kinds share.
 *
 * Opened once by the programs, used by the relay.  Owns the open channels.
 */
#include "channel/channel.h"

#include "codec/json_write.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct channels {
	const struct config *config;
	struct channel_env env;
	struct channel **channel;	/* one for each of config->channel */
	size_t n;
};

static const struct channel_kind *const kinds[] = {
	&channel_spool, &channel_http, &channel_https, &channel_exec,
	&channel_null,
};

void
receipt_init(struct receipt *r)
{
	*r = (struct receipt){ .retry_after_s = -1 };
	buf_init(&r->ids, RECEIPT_IDS_MAX);
}

void
receipt_free(struct receipt *r)
{
	buf_free(&r->ids);
}

void
receipt_fail(struct receipt *r, enum err e, const char *fmt, ...)
{
	va_list ap;

	r->err = e;
	va_start(ap, fmt);
	(void)vsnprintf(r->reason, sizeof(r->reason), fmt, ap);
	va_end(ap);
}

enum err
receipt_add_id(struct receipt *r, const char *id, size_t n)
{
	enum err e;

	if (n == 0)
		return ERR_OK;
	if (r->ids.len != 0)
		r->ids.len--;	/* the closing bracket */
	e = buf_addc(&r->ids, r->ids.len == 0 ? '[' : ',');
	if (e == ERR_OK)
		e = json_add_string(&r->ids, id, n);
	return e == ERR_OK ? buf_addc(&r->ids, ']') : e;
}

static const struct channel_kind *
kind_of(const char *url)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(url, kinds[i]->scheme, strlen(kinds[i]->scheme)) ==
		    0)
			return kinds[i];
	return NULL;
}

static void
section_name(const struct config_channel *c, char *out, size_t size)
{
	if (c->connector[0] == '\0')
		(void)snprintf(out, size, "[channel]");
	else if (c->line == 0)
		(void)snprintf(out, size, "[connector %s]", c->connector);
	else
		(void)snprintf(out, size, "[connector %s/%" PRId64 "]",
		    c->connector, c->line);
}

static int
secret_line(const struct config *config, const struct config_channel *c)
{
	int line = config_channel_line(config, c, "secret");

	return line != 0 ? line : config_channel_line(config, c,
	    "secret_file");
}

static enum err
open_one(struct channel **out, const struct config *config,
    const struct config_channel *c, const struct channel_env *env,
    struct problem *p)
{
	const struct channel_kind *kind = kind_of(c->url);
	struct problem why = { 0 };
	char section[128];
	int url = config_channel_line(config, c, "url");
	enum err e = ERR_CONFIG;

	section_name(c, section, sizeof(section));
	if (kind == NULL)
		return config_wrong(config, url, p,
		    "%s url: this is no spool:, http://, https://, exec: or "
		    "null: URL", section);
	if (c->secret != NULL && c->secret[0] != '\0' && !kind->signs)
		return config_wrong(config, secret_line(config, c), p,
		    "%s secret: only http:// and https:// are signed",
		    section);
	if (c->files == FILES_FETCH && kind != &channel_spool)
		return config_wrong(config, config_channel_line(config, c,
		    "files"), p, "%s files: fetch needs a spool: URL",
		    section);
	e = kind->open(out, c, env, &why);
	if (e == ERR_CONFIG && why.field[0] != '\0')
		return config_wrong(config, secret_line(config, c), p,
		    "%s %s: %s", section, why.field, why.text);
	if (e == ERR_CONFIG)
		return config_wrong(config, url, p, "%s url: %s", section,
		    why.text);
	if (e != ERR_OK)
		return problem_set(p, e, -1, NULL, "%s", why.text);
	(*out)->env = env;
	return ERR_OK;
}

enum err
channels_open(struct channels **out, const struct config *config,
    const struct channel_env *env, struct problem *p)
{
	struct channels *s = calloc(1, sizeof(*s));
	enum err e = ERR_OK;

	*out = NULL;
	if (s != NULL)
		s->channel = calloc(config->channels, sizeof(*s->channel));
	if (s == NULL || s->channel == NULL) {
		free(s);
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	}
	s->config = config;
	s->env = *env;
	while (e == ERR_OK && s->n < config->channels) {
		e = open_one(&s->channel[s->n], config,
		    &config->channel[s->n], &s->env, p);
		if (e == ERR_OK)
			s->n++;
	}
	if (e == ERR_OK)
		*out = s;
	else
		channels_close(s);
	return e;
}

struct channel *
channels_of(const struct channels *s, const struct config_channel *c)
{
	return s->channel[c - s->config->channel];
}

struct pool *
channels_disk(const struct channels *s)
{
	return s->env.disk;
}

const char *
channel_spool_dir(const char *url)
{
	return kind_of(url) == &channel_spool ?
	    url + strlen(channel_spool.scheme) : "";
}

void
channel_send(struct channel *channel, struct delivery *d)
{
	receipt_init(&d->receipt);
	d->task = (struct task){ .run = NULL };
	channel->kind->send(channel, d);
}

static void
run_done(struct task *t)
{
	struct delivery *d = (struct delivery *)((char *)t -
	    offsetof(struct delivery, task));

	d->done(d);
}

void
delivery_end(struct channel *channel, struct delivery *d)
{
	d->task.run = run_done;
	d->task.name = "delivered";
	loop_ready(channel->env->loop, &d->task);
}

int64_t
channels_descriptors(const struct channels *s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->channel[i]->kind->descriptors *
		    s->config->channel[i].in_flight;
	return n;
}

void
channels_halt(struct channels *s)
{
	for (size_t i = 0; s != NULL && i < s->n; i++)
		if (s->channel[i]->kind->halt != NULL)
			s->channel[i]->kind->halt(s->channel[i]);
}

void
channels_close(struct channels *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		s->channel[i]->kind->close(s->channel[i]);
	free(s->channel);
	free(s);
}
