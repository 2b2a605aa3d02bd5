/*
 * What channels work with, for tests: they run in turns of the loop.
 *
 * Owns all of it.
 */
#include "channel_world.h"

#include "unit.h"

void
cw_begin(struct channel_world *w, int64_t threads)
{
	struct http_opts o = { .clock = &clock_system, .calls = 64,
	    .kept = 64, .slow_ms = 5000 };

	*w = (struct channel_world){
		.log = { .level = LOG_LEVEL_ERROR } };
	assert_int_equal(loop_new(&w->loop, &clock_system, &w->log), ERR_OK);
	assert_int_equal(pool_new(&w->disk, w->loop, threads), ERR_OK);
	o.loop = w->loop;
	o.log = &w->log;
	assert_int_equal(http_client_new(&w->http, &o), ERR_OK);
	w->env = (struct channel_env){ w->loop, w->http, w->disk,
	    &clock_system };
}

void
cw_end(struct channel_world *w)
{
	channels_close(w->channels);
	http_client_free(w->http);
	assert_true(pool_free(w->disk, 60000));
	loop_free(w->loop);
}

enum err
cw_open(struct channel_world *w, const struct config *c, struct problem *p)
{
	channels_close(w->channels);
	w->channels = NULL;
	return channels_open(&w->channels, c, &w->env, p);
}

static void
on_done(struct delivery *d)
{
	((struct cw_delivery *)d)->told++;
}

void
cw_start(struct channel_world *w, const struct config_channel *c,
    const struct parcel *parcel, struct cw_delivery *d)
{
	*d = (struct cw_delivery){ .delivery = { .done = on_done,
	    .parcel = *parcel } };
	channel_send(channels_of(w->channels, c), &d->delivery);
	/* never from inside */
	assert_int_equal(d->told, 0);
}

void
cw_wait(struct channel_world *w, const struct cw_delivery *d)
{
	struct deadline until = deadline_in(&clock_system, 60000);

	while (d->told == 0 && deadline_left(&until) > 0)
		loop_turn(w->loop, deadline_left(&until));
	assert_int_equal(d->told, 1);
}

struct receipt
cw_send(struct channel_world *w, const struct config_channel *c,
    const struct parcel *parcel)
{
	struct cw_delivery d;

	cw_start(w, c, parcel, &d);
	cw_wait(w, &d);
	return d.delivery.receipt;
}
