#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/pool.h"
#include "config/config.h"
#include "http/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where messages are handed over; the URL's scheme picks the kind. */
struct channel;

/* What every channel may use. */
struct channel_env {
	struct loop *loop;
	struct http_client *http;
	struct pool *disk;	/* for what can only block */
	const struct clock *clock;
};

/* One message on its way out. */
struct parcel {
	const char *key;	/* the same on every attempt */
	int64_t received_us;	/* Unix time; the same on every attempt */
	const char *object;	/* JSON (event/object.h) */
	size_t object_len;
	const char *event, *connector;	/* what it also says inside */
	int64_t line;
};

#define RECEIPT_IDS_MAX (64 * 1024)
#define RECEIPT_REASON_MAX 384

/* What a hand-over came to. */
struct receipt {
	enum err err;		/* ERR_OK took it, ERR_REFUSED for good, */
				/* ERR_RETRY (and any other) again later */
	struct buf ids;		/* JSON list of external ids, with ERR_OK */
	char reason[RECEIPT_REASON_MAX];	/* why not; nothing secret */
	int64_t retry_after_s;	/* what the channel asked for, or -1 */
	bool down;		/* no connection, or it timed out */
	bool untold;		/* nothing was learnt about the channel: it */
				/* did not leave, or gave its place away */
};

void receipt_init(struct receipt *);
void receipt_free(struct receipt *);

/* Notes a failure in a receipt. */
void receipt_fail(struct receipt *, enum err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends an external id to a receipt's list; an empty one is left out. */
enum err receipt_add_id(struct receipt *, const char *id, size_t n);

/*
 * One hand-over.  Its owner sets the first two and keeps them, and all that
 * the parcel points to, until done() was called: once, in the loop, never
 * from inside channel_send().
 */
struct delivery {
	void (*done)(struct delivery *);
	struct parcel parcel;
	struct receipt receipt;	/* to be freed with receipt_free() */
	struct task task;	/* the channel's own */
};

/* One kind of channel. */
struct channel_kind {
	const char *scheme;	/* "spool:" */
	int64_t descriptors;	/* that a hand-over has open all the time, if */
				/* nothing else counts them */
	bool signs;		/* uses the secret */
	/*
	 * Checks the URL and makes a channel of it; touches neither disk nor
	 * network.  ERR_CONFIG with the reason and, if it is not
	 * the URL, the option's name as the field; ERR_NOMEM.
	 */
	enum err (*open)(struct channel **, const struct config_channel *,
	    const struct channel_env *, struct problem *);
	/* Hands one message over; any number may be on their way. */
	void (*send)(struct channel *, struct delivery *);
	/* Tells what is on its way that nobody waits any more; or NULL. */
	void (*halt)(struct channel *);
	/* What is still on its way is dropped: its done() is not called. */
	void (*close)(struct channel *);
};

/* Every kind's own struct begins with this. */
struct channel {
	const struct channel_kind *kind;
	const struct channel_env *env;
};

/* Hands a message over; the receipt tells how it ended. */
void channel_send(struct channel *, struct delivery *);

/* For a channel that knows the end at once: done() follows in the loop. */
void delivery_end(struct channel *, struct delivery *);

extern const struct channel_kind channel_spool, channel_http, channel_https,
    channel_exec, channel_null;

/* All channels of a configuration. */
struct channels;

/*
 * Opens every channel that the configuration names.  ERR_CONFIG names the
 * section, ERR_NOMEM.  The configuration must outlive them.
 */
enum err channels_open(struct channels **, const struct config *,
    const struct channel_env *, struct problem *);

/* The channel of a section of the configuration. */
struct channel *channels_of(const struct channels *,
    const struct config_channel *);

/* What a spool's disk is worked on by; the folder of a URL, "" if it is no
 * spool's. */
struct pool *channels_disk(const struct channels *);
const char *channel_spool_dir(const char *url);

/* The descriptors that their hand-overs may take together. */
int64_t channels_descriptors(const struct channels *);

/* The program ends, although something is on its way: programs that work for
 * a channel are told.  Frees nothing. */
void channels_halt(struct channels *);

void channels_close(struct channels *);	/* NULL is fine */

#endif
