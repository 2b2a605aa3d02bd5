/*
 * Whether the hosts that are to be called have an address now.
 *
 * Called by imconnectorctl check only: it waits.  All names are looked up at
 * once, by threads of the C library that end with the process.  Owns the
 * list; what is still being looked up when time is over is left to the
 * library, with the memory that it writes to.
 */
#include "check/check.h"

#include "base/clock.h"
#include "http/url.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOSTS_MAX 64		/* of them; more are not looked up */

struct lookup {
	struct gaicb ask;
	char host[URL_HOST_MAX];
	char what[URL_HOST_MAX + 64];
	int line;
};

struct lookups {
	struct lookup of[HOSTS_MAX];
	struct gaicb *list[HOSTS_MAX];
	int n;
};

static void
add_host(struct lookups *l, int line, const char *option, const char *host)
{
	struct lookup *one;

	for (int i = 0; i < l->n; i++)
		if (strcmp(l->of[i].host, host) == 0)
			return;
	if (l->n == HOSTS_MAX || host[0] == '\0' || host[0] == '[')
		return;
	one = &l->of[l->n];
	(void)snprintf(one->host, sizeof(one->host), "%s", host);
	(void)snprintf(one->what, sizeof(one->what), "%s: host %s", option,
	    host);
	one->line = line;
	one->ask.ar_name = one->host;
	l->list[l->n++] = &one->ask;
}

static void
add_url(struct lookups *l, int line, const char *option, const char *text)
{
	struct url url;

	if (text != NULL && url_parse(&url, text) == ERR_OK)
		add_host(l, line, option, url.host);
}

/* They are only called to prove and to refresh. */
static void
add_oauth(struct lookups *l, const struct config *c)
{
	const struct config_list *list = &c->app.oauth_servers;

	for (size_t i = 0; c->app.client_id[0] != '\0' && i < list->n; i++) {
		char host[URL_HOST_MAX];

		(void)snprintf(host, sizeof(host), "%.*s",
		    (int)strcspn(list->item[i], ":"), list->item[i]);
		if (strchr(host, '*') == NULL)
			add_host(l, config_line(c, "app", "oauth_servers"),
			    "[app] oauth_servers", host);
	}
}

/* HOST, HOST:PORT, or a URL with perhaps a user. */
static void
add_proxy(struct lookups *l, const struct config *c)
{
	const char *at = strstr(c->portal.proxy, "://"), *user;
	char host[URL_HOST_MAX];

	at = at != NULL ? at + 3 : c->portal.proxy;
	user = strrchr(at, '@');
	at = user != NULL ? user + 1 : at;
	(void)snprintf(host, sizeof(host), "%.*s", (int)strcspn(at, ":/"), at);
	add_host(l, config_line(c, "portal", "proxy"), "[portal] proxy", host);
}

static void
add_all(struct lookups *l, const struct config *c)
{
	if (c->portal.proxy[0] != '\0') {
		add_proxy(l, c);	/* it looks up the others */
	} else {
		add_oauth(l, c);
		add_url(l, config_line(c, "app", "client_endpoint"),
		    "[app] client_endpoint", c->app.client_endpoint);
	}
	for (size_t i = 0; i < c->channels; i++) {
		const struct config_channel *ch = &c->channel[i];
		char option[128];

		(void)snprintf(option, sizeof(option), "[%s%s] url",
		    i == 0 ? "channel" : "connector ", ch->connector);
		add_url(l, config_channel_line(c, ch, "url"), option,
		    ch->url);
	}
}

/* Whether all are through. */
static bool
all_done(const struct lookups *l)
{
	for (int i = 0; i < l->n; i++)
		if (gai_error(l->list[i]) == EAI_INPROGRESS)
			return false;
	return true;
}

/*
 * Looks now and then: gai_suspend() leaves pointers to its own stack with a
 * lookup that ends while it returns (glibc 2.36), whose thread then follows
 * them.
 */
static void
wait_for(const struct lookups *l, int64_t ms)
{
	static const struct timespec pause = { 0, 5000000 };
	struct deadline until = deadline_in(&clock_system, ms);

	while (!all_done(l) && deadline_left(&until) > 0)
		(void)nanosleep(&pause, NULL);
}

static void
tell(struct check *k, const struct lookups *l)
{
	for (int i = 0; i < l->n; i++) {
		int code = gai_error(l->list[i]);
		char why[200];

		if (code == 0)
			continue;
		(void)snprintf(why, sizeof(why), "it has no address now "
		    "(%s). Look at the name, and at /etc/resolv.conf",
		    code == EAI_INPROGRESS ? "no answer in time" :
		    gai_strerror(code));
		check_add(k, false, l->of[i].line, l->of[i].what, why, NULL);
	}
}

void
check_hosts(struct check *k, const struct config *c, int64_t ms)
{
	struct lookups *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return;
	add_all(l, c);
	if (l->n != 0 && getaddrinfo_a(GAI_NOWAIT, l->list, l->n, NULL) == 0) {
		wait_for(l, ms);
		tell(k, l);
	}
	if (!all_done(l))
		return;			/* it is still written to */
	for (int i = 0; i < l->n; i++)
		if (l->list[i]->ar_result != NULL)
			freeaddrinfo(l->list[i]->ar_result);
	free(l);
}
