/*
 * Which event's token was good lately, for each portal.
 *
 * Called by the relay around a status call.  Owns its copies; they never
 * touch the disk.  A portal whose place another takes only loses a chance.
 */
#include "relay/newest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 1024		/* a power of two */

struct newest {
	pthread_mutex_t lock;	/* guards the rest */
	struct known {
		char *member_id;	/* NULL: free */
		char *token;
		int64_t id;
	} known[PLACES];
};

enum err
newest_new(struct newest **out)
{
	struct newest *n = calloc(1, sizeof(*n));

	*out = n;
	if (n == NULL)
		return ERR_NOMEM;
	(void)pthread_mutex_init(&n->lock, NULL);	/* plain: cannot fail */
	return ERR_OK;
}

static void
forget(struct known *k)
{
	free(k->member_id);
	free(k->token);
	*k = (struct known){ .member_id = NULL };
}

void
newest_free(struct newest *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < PLACES; i++)
		forget(&n->known[i]);
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
}

/* The one place that a portal may have. */
static struct known *
place(struct newest *n, const char *member_id)
{
	uint32_t hash = 2166136261U;

	for (; *member_id != '\0'; member_id++)
		hash = (hash ^ (unsigned char)*member_id) * 16777619U;
	return &n->known[(hash ^ hash >> 16) & (PLACES - 1)];
}

static bool
is_of(const struct known *k, const char *member_id)
{
	return k->member_id != NULL && strcmp(k->member_id, member_id) == 0;
}

static void
replace(struct known *k, const char *member_id, int64_t id,
    const char *token)
{
	forget(k);
	*k = (struct known){ strdup(member_id), strdup(token), id };
	if (k->member_id == NULL || k->token == NULL)
		forget(k);
}

void
newest_put(struct newest *n, const char *member_id, int64_t id,
    const char *token)
{
	struct known *k = place(n, member_id);

	(void)pthread_mutex_lock(&n->lock);
	if (!is_of(k, member_id) || id > k->id)
		replace(k, member_id, id, token);
	(void)pthread_mutex_unlock(&n->lock);
}

void
newest_drop(struct newest *n, const char *member_id, const char *token)
{
	struct known *k = place(n, member_id);

	(void)pthread_mutex_lock(&n->lock);
	if (is_of(k, member_id) && strcmp(k->token, token) == 0)
		forget(k);
	(void)pthread_mutex_unlock(&n->lock);
}

bool
newest_get(struct newest *n, const char *member_id, struct arena *a,
    const char **token, int64_t *id)
{
	struct known *k = place(n, member_id);

	*token = NULL;
	(void)pthread_mutex_lock(&n->lock);
	if (is_of(k, member_id)) {
		*token = arena_dup(a, k->token, strlen(k->token));
		*id = k->id;
	}
	(void)pthread_mutex_unlock(&n->lock);
	return *token != NULL;
}
