/*
 * What a channel is called in logs and lists.
 *
 * Called by the relay and the operator's tool.  Owns nothing.
 */
#include "channel/name.h"

#include <string.h>

char *
channel_name(const char *url)
{
	char *name = strdup(url), *at, *user;

	if (name == NULL)
		return NULL;
	name[strcspn(name, "?#")] = '\0';
	at = strstr(name, "//");
	user = at != NULL ? strchr(at, '@') : NULL;
	if (user != NULL)
		memmove(at + 2, user + 1, strlen(user + 1) + 1);
	return name;
}
