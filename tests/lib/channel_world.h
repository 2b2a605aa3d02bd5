#ifndef CHANNEL_WORLD_H
#define CHANNEL_WORLD_H

#include "channel/channel.h"

/* What channels work with: a loop, a pool for the disk, a client. */
struct channel_world {
	struct log log;
	struct loop *loop;
	struct pool *disk;
	struct http_client *http;
	struct channel_env env;
	struct channels *channels;
};

/* One hand-over; told: how often its end was. */
struct cw_delivery {
	struct delivery delivery;
	int told;
};

/* `threads` of the pool; 0: the loop does their work. */
void cw_begin(struct channel_world *, int64_t threads);
void cw_end(struct channel_world *);
/* Opens the channels of a configuration, in place of those of before. */
enum err cw_open(struct channel_world *, const struct config *,
    struct problem *);

void cw_start(struct channel_world *, const struct config_channel *,
    const struct parcel *, struct cw_delivery *);
void cw_wait(struct channel_world *, const struct cw_delivery *);
/* One hand-over to its end; the receipt is to be freed. */
struct receipt cw_send(struct channel_world *, const struct config_channel *,
    const struct parcel *);

#endif
