/*
 * Who may see how things are: addresses and networks.
 *
 * Called for requests of web/views.c.  Owns nothing.
 */
#include "web/allow.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPPED_BITS 96		/* before an IPv4 address within IPv6 */

/* All are IPv6 addresses here, IPv4 ones within it. */
struct address {
	uint8_t byte[16];
};

static bool
read_address(const char *s, size_t n, struct address *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (n >= sizeof(text))
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", (int)n, s);
	if (strchr(text, ':') != NULL)
		return inet_pton(AF_INET6, text, out->byte) == 1;
	memcpy(out->byte, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, out->byte + sizeof(mapped)) == 1;
}

static bool
is_in(const struct address *a, const struct address *net, long bits)
{
	size_t whole = (size_t)bits / 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

	return memcmp(a->byte, net->byte, whole) == 0 && (mask == 0 ||
	    ((a->byte[whole] ^ net->byte[whole]) & mask) == 0);
}

static bool
matches(const struct address *a, const char *item)
{
	size_t n = strcspn(item, "/");
	struct address net;
	long bits = 128;

	if (!read_address(item, n, &net))
		return false;
	if (item[n] == '/')
		bits = strtol(item + n + 1, NULL, 10) +
		    (memchr(item, ':', n) == NULL ? MAPPED_BITS : 0);
	return bits >= 0 && bits <= 128 && is_in(a, &net, bits);
}

bool
allow_has(const struct config_list *list, const char *address)
{
	struct address a;

	if (address == NULL || !read_address(address, strlen(address), &a))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (matches(&a, list->item[i]))
			return true;
	return false;
}
