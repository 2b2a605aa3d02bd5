/*
 * What portals and channels are called where people look.
 *
 * Called by pages, and by the operator's tool.  Owns nothing.
 */
#include "web/names.h"

#include "channel/name.h"
#include "store/place.h"

#include <string.h>

const char *
name_of_portal(const char *endpoint, struct url *url)
{
	return endpoint[0] != '\0' && url_parse(url, endpoint) == ERR_OK ?
	    url->host : "";
}

char *
name_of_channel(const struct wait_group *g, const struct config *c)
{
	int64_t number;

	for (size_t i = 0; g->place != 0 && i < c->channels; i++)
		if (place_of_channel(&number, g->connector,
		    c->channel[i].url) == ERR_OK && number == g->place)
			return channel_name(c->channel[i].url);
	return strchr(g->name, ':') != NULL ? strdup(g->name) : NULL;
}
