/*
 * The files of a message, one after the other.
 *
 * Called by journey.c.  Owns what is fetched until the message is handed
 * over.  A file that cannot be had for good leaves its link and the reason
 * in the object; one that cannot be had now ends the attempt.
 */
#include "relay/fetch.h"

#include "relay/grab.h"
#include "relay/line.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILES_MAX 64		/* of one message */

struct fetch {
	struct journey *journey;
	const struct config_channel *config;
	struct source_want want;
	struct node *file;		/* at this one, or NULL */
	unsigned number;
	struct grab grab;
	bool failed;
	char reason[FETCH_REASON_MAX];
	int64_t retry_after_s;
};

static void
end(struct fetch *f)
{
	source_leave(&f->want);
	journey_enter(f->journey, STAGE_QUEUED);
	journey_queue(f->journey);
}

static void
fail(struct fetch *f, const char *reason, int64_t retry_after_s)
{
	f->failed = true;
	f->retry_after_s = retry_after_s;
	(void)snprintf(f->reason, sizeof(f->reason), "file %u: %s", f->number,
	    reason);
}

/* A member's text, or "". */
static const char *
text_of(const struct node *file, const char *name)
{
	const struct node *c = node_child(file, name);

	return c != NULL && c->kind == NODE_TEXT ? c->text : "";
}

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), len = strlen(end);

	return n >= len && strcasecmp(s + n - len, end) == 0;
}

static bool
is_page(const struct node *file)
{
	const char *name = text_of(file, "name");
	const char *mime = text_of(file, "mime");

	return strncasecmp(mime, "text/html", 9) == 0 ||
	    strncasecmp(mime, "application/json", 16) == 0 ||
	    ends_in(name, ".html") || ends_in(name, ".htm") ||
	    ends_in(name, ".json");
}

/* What became of this file is told in the object. */
static bool
note(struct fetch *f, const char *name, const char *text)
{
	struct wrapped *w = &f->journey->wrapped;

	if (element_set_member(&w->rewrite->element, f->file, name, text) ==
	    ERR_OK)
		return true;
	fail(f, "out of memory", -1);
	return false;
}

static bool
note_path(struct fetch *f)
{
	const struct keep *k = &f->grab.keep;
	char *path;
	bool ok;

	if (asprintf(&path, "%s/files/%s/%s", k->dir, k->message, k->name) < 0)
		path = NULL;
	ok = path != NULL && note(f, "path", path);
	if (path == NULL)
		fail(f, "out of memory", -1);
	free(path);
	return ok;
}

static void next(struct fetch *);

static void
on_grabbed(struct grab *g)
{
	struct fetch *f = (struct fetch *)((char *)g - offsetof(struct fetch,
	    grab));
	bool ok = false;

	if (g->end == GRAB_LATER)
		fail(f, g->reason, g->retry_after_s);
	else if (g->end == GRAB_NEVER)
		ok = note(f, "error", g->reason);
	else
		ok = note_path(f);
	if (ok)
		next(f);
	else
		end(f);
}

/* False: there is nothing to wait for, and it is told why. */
static bool
grab(struct fetch *f)
{
	struct journey *j = f->journey;
	struct grab *g = &f->grab;

	*g = (struct grab){
		.done = on_grabbed,
		.relay = j->relay,
		.config = f->config,
		.work = j->work,
		.room = j->line->room,
		.peer = source_peer(&f->want),
		.link = text_of(f->file, "link"),
		.page = is_page(f->file),
		.keep = { .pool = channels_disk(j->relay->channels),
		    .dir = channel_spool_dir(f->config->url) },
	};
	keep_message_name(g->keep.message, j->work->received_us,
	    j->work->key);
	keep_file_name(g->keep.name, f->number, text_of(f->file, "name"));
	return grab_start(g);
}

/* What the sender says under our names would be believed. */
static void
hide(const struct node *file, const char *name)
{
	struct node *c = node_child(file, name);

	if (c != NULL)
		c->kind = NODE_NONE;
}

/* True: the file is on its way. */
static bool
try_file(struct fetch *f)
{
	hide(f->file, "path");
	hide(f->file, "error");
	if (f->number > FILES_MAX)
		(void)note(f, "error", "the message has too many files");
	else if (grab(f))
		return true;
	else
		(void)note(f, "error", "its link is no URL that may be "
		    "called");
	return false;
}

static void
next(struct fetch *f)
{
	struct wrapped *w = &f->journey->wrapped;

	while (!f->failed && !f->journey->relay->stopping) {
		f->file = f->number++ == 0 ?
		    node_first(element_files(&w->rewrite->element)) :
		    node_next(f->file);
		if (f->file == NULL)
			break;
		if (f->file->kind == NODE_TREE && try_file(f))
			return;
	}
	if (!f->failed && wrap_again(w) != ERR_OK)
		fail(f, "out of memory", -1);
	end(f);
}

static void
on_turn(struct source_want *w)
{
	next((struct fetch *)((char *)w - offsetof(struct fetch, want)));
}

/* Whether there are files that this channel wants. */
static bool
has_files(struct fetch *f)
{
	struct journey *j = f->journey;
	const struct node *files = NULL;

	if (wrap(&j->wrapped, j->relay->env.config, j->work) != ERR_OK)
		fail(f, "out of memory", -1);
	else
		files = element_files(&j->wrapped.rewrite->element);
	return files != NULL && files->kind == NODE_TREE &&
	    node_first(files) != NULL;
}

bool
fetch_begin(struct journey *j)
{
	const struct work *w = j->work;
	const struct config_channel *c = config_channel_for(
	    j->relay->env.config, w->connector, w->line);
	struct fetch *f;

	if (c->files != FILES_FETCH ||
	    !rewrite_wanted(c, w->body, w->body_len))
		return false;
	f = calloc(1, sizeof(*f));
	if (f == NULL) {	/* it stays claimed until the process ends */
		journey_end(j, w->state, false);
		return true;
	}
	f->journey = j;
	f->config = c;
	f->want.go = on_turn;
	j->fetch = f;
	if (!has_files(f))
		return false;
	if (!source_enter(j->relay, w->member_id, &f->want)) {
		fail(f, "too many are fetched from this portal", -1);
		return false;
	}
	journey_enter(j, STAGE_FETCHING);
	return true;
}

const char *
fetch_failed(const struct journey *j, int64_t *retry_after_s)
{
	const struct fetch *f = j->fetch;

	if (f == NULL || !f->failed)
		return NULL;
	*retry_after_s = f->retry_after_s;
	return f->reason;
}

void
fetch_free(struct journey *j)
{
	if (j->fetch != NULL)
		loop_bury(j->relay->env.loop, j->fetch);
	j->fetch = NULL;
}
