#ifndef CTL_QUEUE_H
#define CTL_QUEUE_H

#include "config/config.h"
#include "store/admin.h"

#include <stdbool.h>

/*
 * What imconnectorctl prints of the queue, on standard output: lines for
 * people, or JSON with every field.  Texts from outside are shown without
 * control characters.  ERR_DISK, ERR_NOMEM; queue_show() gives ERR_UNUSABLE
 * if there is no message with that key.
 */
struct listing {
	const struct config *config;	/* says what channels are called */
	struct filter filter;	/* with `all` or `json` */
	bool all;		/* messages, not groups of them */
	bool json;		/* always messages */
	int64_t limit;		/* of messages or groups; 0: none */
	bool follow;		/* again and again, until nobody reads */
};
enum err queue_list(struct store *, const struct listing *,
    struct problem *);
enum err queue_show(struct store *, const char *key, bool json,
    struct problem *);

#endif
