/*
 * Values that are lists: hosts, servers, names, addresses, types, events.
 *
 * Called by value.c and config.c.  Owns nothing; the items belong to
 * the configuration and go with config_list_free().  A list that is refused
 * may be half set, always so that it can be freed.
 */
#include "config/private.h"

#include "base/near.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A name or address; "*" only as the whole first label. */
static bool
host_ok(const char *s, size_t n)
{
	if (n > 2 && s[0] == '[')
		return s[n - 1] == ']' && memchr(s, ':', n) != NULL &&
		    strspn(s + 1, DIGITS "abcdefABCDEF:.") == n - 2;
	if (n > 2 && memcmp(s, "*.", 2) == 0) {
		s += 2;
		n -= 2;
	}
	return s[0] != '.' && s[n - 1] != '.' &&
	    strspn(s, LETTERS DIGITS "-._") >= n;
}

/* How many of n bytes are the host; the rest is ":PORT", or nothing. */
static size_t
host_length(const char *s, size_t n)
{
	size_t digits = 0;

	while (digits < n && strchr(DIGITS, s[n - 1 - digits]) != NULL)
		digits++;
	return digits + 1 < n && s[n - 1 - digits] == ':' ?
	    n - 1 - digits : n;
}

/* Written as it is compared: no zero in front. */
static bool
port_ok(const char *s, size_t n)
{
	return n == 0 || (n >= 2 && n <= 6 && s[1] != '0' &&
	    strtol(s + 1, NULL, 10) <= 65535);
}

/* 127.0.0.1, ::1, 10.0.0.0/8 */
static bool
address_ok(const char *s, size_t n)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[sizeof(struct in6_addr)];
	const char *slash = memchr(s, '/', n);
	size_t len = slash != NULL ? (size_t)(slash - s) : n;
	int family = memchr(s, ':', len) != NULL ? AF_INET6 : AF_INET;
	char *end;

	if (len >= sizeof(address))
		return false;
	(void)snprintf(address, sizeof(address), "%.*s", (int)len, s);
	if (inet_pton(family, address, bytes) != 1)
		return false;
	if (slash == NULL)
		return true;
	return n - len >= 2 && n - len <= 4 &&
	    isdigit((unsigned char)slash[1]) &&
	    strtol(slash + 1, &end, 10) <= (family == AF_INET ? 32 : 128) &&
	    end == s + n;
}

/* A type and a subtype, either of them perhaps "*". */
static bool
media_type_ok(const char *s, size_t n)
{
	size_t type = strspn(s, LETTERS DIGITS "*.+-_");
	size_t rest = type < n && s[type] == '/' ?
	    strspn(s + type + 1, LETTERS DIGITS "*.+-_") : 0;

	return type != 0 && rest != 0 && type + 1 + rest >= n;
}

static bool
item_ok(const struct option *o, const char *s, size_t n)
{
	size_t host = o->type == OPT_SERVERS ? host_length(s, n) : n;

	if (o->type == OPT_NAMES)
		return config_name_ok(s, n);
	if (o->type == OPT_ADDRESSES)
		return address_ok(s, n);
	if (o->type == OPT_TYPES)
		return media_type_ok(s, n);
	return host_ok(s, host) && port_ok(s + host, n - host);
}

static const char *
items_of(const struct option *o)
{
	if (o->type == OPT_HOSTS)
		return "hosts such as a.example or *.example";
	if (o->type == OPT_ADDRESSES)
		return "addresses such as 127.0.0.1, ::1 or 10.0.0.0/8";
	if (o->type == OPT_TYPES)
		return "media types such as image/png or image/*";
	return o->type == OPT_SERVERS ?
	    "servers such as a.example or a.example:8443" :
	    "names of letters, digits and _";
}

static enum err
add_item(struct config_list *l, const char *s, size_t n)
{
	char **grown = realloc(l->item, (l->n + 1) * sizeof(*grown));
	char *copy = strndup(s, n);

	if (grown != NULL)
		l->item = grown;
	if (grown == NULL || copy == NULL) {
		free(copy);
		return ERR_NOMEM;
	}
	l->item[l->n++] = copy;
	return ERR_OK;
}

enum err
config_list_copy(struct config_list *to, const struct config_list *from)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < from->n; i++)
		e = add_item(to, from->item[i], strlen(from->item[i]));
	return e;
}

/*
 * An indented line may be another option, meant as such: its name may be
 * shown, its value not.
 */
static size_t
until_value(const char *s, size_t n)
{
	size_t name = strcspn(s, "=:");

	return name < n ? name + 1 : n;
}

/*
 * A word that begins with ";" begins a comment: libinih takes those off the
 * first line of a list, but its version 55 not off the others.
 */
static enum err
add_items(const struct option *o, struct config_list *l, const char *text,
    bool more, struct why *w)
{
	enum err e = ERR_OK;

	for (; e == ERR_OK; text += strcspn(text, " \t")) {
		size_t n;

		text += strspn(text, " \t");
		if (*text == '\0' || *text == ';')
			break;
		n = strcspn(text, " \t");
		if (!item_ok(o, text, n))
			return config_refuse(w, items_of(o), text,
			    more ? until_value(text, n) : n);
		e = add_item(l, text, n);
	}
	return e;
}

/* An event goes by its whole name or by what is its own of it. */
static size_t
prefix_of(const char *s, size_t n)
{
	static const char prefix[] = "onimconnector";
	const size_t skip = sizeof(prefix) - 1;

	return n > skip && strncasecmp(s, prefix, skip) == 0 ? skip : 0;
}

/* Without regard to case, as events are. */
static bool
add_event(const char *words, const char *s, size_t n, int64_t *bits)
{
	for (int64_t bit = 1; *words != '\0'; bit <<= 1) {
		size_t len = strcspn(words, " ");

		if (len == n && strncasecmp(words, s, n) == 0) {
			*bits |= bit;
			return true;
		}
		words += len;
		words += strspn(words, " ");
	}
	return false;
}

static enum err
no_event(const struct option *o, const char *s, size_t n, struct why *w)
{
	struct shown wrote = config_show(s, n);
	struct near near = { 0 };
	char must[96];

	near_try_words(&near, wrote.text + prefix_of(wrote.text,
	    strlen(wrote.text)), o->words);
	if (near.word != NULL) {
		(void)snprintf(w->text, sizeof(w->text),
		    "\"%s\": did you mean %.*s?", wrote.text, (int)near.n,
		    near.word);
		return ERR_CONFIG;
	}
	(void)snprintf(must, sizeof(must), "of: %s", o->words);
	return config_refuse(w, must, s, n);
}

enum err
config_events_set(const struct option *o, int64_t *bits, const char *text,
    bool more, struct why *w)
{
	size_t n, skip;

	if (!more)
		*bits = 0;
	for (; ; text += n) {
		text += strspn(text, " \t");
		if (*text == '\0' || *text == ';')
			return ERR_OK;
		n = strcspn(text, " \t");
		skip = prefix_of(text, n);
		if (!add_event(o->words, text + skip, n - skip, bits))
			return no_event(o, text,
			    more ? until_value(text, n) : n, w);
	}
}

void
config_list_free(struct config_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i]);
	free(l->item);
	*l = (struct config_list){ 0 };
}


enum err
config_list_set(const struct option *o, struct config_list *l,
    const char *text, bool more, struct why *w)
{
	if (!more)
		config_list_free(l);
	return add_items(o, l, text, more, w);
}
