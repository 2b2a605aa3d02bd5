/*
 * The null channel: takes everything and hands it to nobody.
 *
 * For measurements, and the shortest example of what a channel must do.
 * Owns nothing but itself; never fails once it is open.
 */
#include "channel/channel.h"

#include <stdlib.h>
#include <string.h>

static enum err
null_open(struct channel **out, const struct config_channel *c,
    const struct channel_env *env, struct problem *p)
{
	(void)env;
	if (strcmp(c->url, "null:") != 0)
		return problem_set(p, ERR_CONFIG, -1, NULL,
		    "null: takes nothing behind the colon");
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	(*out)->kind = &channel_null;
	return ERR_OK;
}

static void
null_send(struct channel *channel, struct delivery *d)
{
	d->receipt.err = receipt_add_id(&d->receipt, d->parcel.key,
	    strlen(d->parcel.key));
	delivery_end(channel, d);
}

static void
null_close(struct channel *channel)
{
	free(channel);
}

const struct channel_kind channel_null = {
	.scheme = "null:",
	.open = null_open,
	.send = null_send,
	.close = null_close,
};
