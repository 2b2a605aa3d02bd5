#ifndef CHANNEL_NAME_H
#define CHANNEL_NAME_H

/* A channel's URL for people: without user and query, which may be secret.
 * To be freed; NULL: no memory. */
char *channel_name(const char *url);

#endif
