/*
 * Portals as those from whom files are fetched.
 *
 * Called by fetch.c.  Owns the peers, and the queues of those who wait; a
 * portal is known here as long as somebody fetches from it.
 */
#include "relay/source.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct source {
	struct table_node node;
	struct relay *relay;
	char *member_id;
	struct http_peer peer;
	size_t fetching, waiting;
	TAILQ_HEAD(, source_want) queue;
	struct task pump;
};

static struct source *
of_node(struct table_node *n)
{
	return (struct source *)((char *)n - offsetof(struct source, node));
}

static struct source *
find(const struct relay *r, int64_t number, const char *member_id)
{
	struct table_node *n = NULL;

	while ((n = table_find(&r->sources, number, n)) != NULL)
		if (strcmp(of_node(n)->member_id, member_id) == 0)
			return of_node(n);
	return NULL;
}

static void
pump(struct task *t)
{
	struct source *s = (struct source *)((char *)t - offsetof(struct
	    source, pump));
	struct source_want *w;

	while (s->fetching < SOURCE_FETCHING &&
	    (w = TAILQ_FIRST(&s->queue)) != NULL) {
		TAILQ_REMOVE(&s->queue, w, link);
		s->waiting--;
		s->fetching++;
		w->go(w);
	}
}

static struct source *
make(struct relay *r, int64_t number, const char *member_id)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->relay = r;
	s->member_id = strdup(member_id);
	if (s->member_id == NULL ||
	    table_add(&r->sources, &s->node, number) != ERR_OK) {
		free(s->member_id);
		free(s);
		return NULL;
	}
	http_peer_init(&s->peer);
	TAILQ_INIT(&s->queue);
	s->pump = (struct task){ .run = pump, .name = "files" };
	return s;
}

static void
destroy(struct source *s)
{
	loop_unready(s->relay->env.loop, &s->pump);
	table_remove(&s->relay->sources, &s->node);
	free(s->member_id);
	loop_bury(s->relay->env.loop, s);
}

bool
source_enter(struct relay *r, const char *member_id, struct source_want *w)
{
	int64_t number = table_number(member_id);
	struct source *s = find(r, number, member_id);

	if (s == NULL)
		s = make(r, number, member_id);
	if (s == NULL || s->waiting == SOURCE_WAITING)
		return false;
	w->source = s;
	TAILQ_INSERT_TAIL(&s->queue, w, link);
	s->waiting++;
	loop_ready(r->env.loop, &s->pump);
	return true;
}

void
source_leave(struct source_want *w)
{
	struct source *s = w->source;

	s->fetching--;
	if (s->fetching == 0 && s->waiting == 0)
		destroy(s);
	else
		loop_ready(s->relay->env.loop, &s->pump);
}

struct http_peer *
source_peer(const struct source_want *w)
{
	return &w->source->peer;
}

void
sources_free(struct relay *r)
{
	struct table_node *n;

	while ((n = table_next(&r->sources, NULL)) != NULL)
		destroy(of_node(n));
	table_free(&r->sources);
}
