/*
 * An element's body as the options of its channel want it.
 *
 * Called for each hand-over, so that what is stored stays what came.  Owns
 * its results.  On failure they are of no use.
 */
#include "event/rewrite.h"

#include "codec/bbcode.h"
#include "event/element.h"
#include "event/render.h"
#include "http/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MORE ((size_t)64 * 1024)
#define ORIGIN_MAX (URL_HOST_MAX + 32)

_Static_assert((int)TEXT_BBCODE == BBCODE_AS_IS &&
    (int)TEXT_PLAIN == BBCODE_PLAIN && (int)TEXT_HTML == BBCODE_HTML &&
    (int)TEXT_MARKDOWN == BBCODE_MARKDOWN, "one order");

/* A text in which that stands only looks like it, which is no harm. */
static bool
has_files(const char *body, size_t n)
{
	static const char name[] = "\"files\":";

	return memmem(body, n, name, sizeof(name) - 1) != NULL;
}

bool
rewrite_wanted(const struct config_channel *c, const char *body, size_t n)
{
	return c->text != TEXT_BBCODE || c->signature != SIGNATURE_KEEP ||
	    has_files(body, n);
}

/* Splits the name off: what is left of the text begins at *from. */
static enum err
take_author(struct rewrite *w, const struct node *text, size_t *from)
{
	struct bbcode_author a;

	if (w->config->signature == SIGNATURE_KEEP ||
	    !bbcode_author(&a, text->text, text->text_len))
		return ERR_OK;
	*from = a.rest;
	if (w->config->signature == SIGNATURE_DROP)
		return ERR_OK;
	w->author = strndup(a.name, a.name_len);
	return w->author != NULL ? ERR_OK : ERR_NOMEM;
}

static enum err
convert(struct rewrite *w, struct element *el)
{
	struct node *text = node_child(node_child(el->tree.root, "message"),
	    "text");
	size_t from = 0;
	struct buf b;
	enum err e;

	if (text == NULL || text->kind != NODE_TEXT)
		return ERR_OK;
	e = take_author(w, text, &from);
	buf_init(&b, text->text_len * BBCODE_GROWTH + MORE);
	if (e == ERR_OK)
		e = bbcode_convert(&b, text->text + from,
		    text->text_len - from, (enum bbcode_to)w->config->text);
	if (e == ERR_OK)
		e = element_set(el, text, b.len != 0 ? b.p : "", b.len);
	buf_free(&b);
	return e;
}

/* ---- links */

/* "https://host:port" of a URL; false: it is none. */
static bool
origin_of(const char *text, char out[ORIGIN_MAX])
{
	struct url url;
	int n;

	if (text == NULL || url_parse(&url, text) != ERR_OK)
		return false;
	n = snprintf(out, ORIGIN_MAX, "%s://%s", url.https ? "https" : "http",
	    url.host);
	if (url.port != (url.https ? 443 : 80))
		(void)snprintf(out + n, ORIGIN_MAX - (size_t)n, ":%ld",
		    url.port);
	return true;
}

/* An event names both; an endpoint has the scheme and the port, too. */
static bool
find_origin(const struct rewrite *w, char out[ORIGIN_MAX])
{
	char url[ORIGIN_MAX];

	if (origin_of(w->endpoint, out))
		return true;
	if (w->domain == NULL || strlen(w->domain) >= URL_HOST_MAX)
		return false;
	(void)snprintf(url, sizeof(url), "https://%s", w->domain);
	return strpbrk(w->domain, "/?") == NULL && origin_of(url, out);
}

/* A scheme comes before anything else that parts a link. */
static bool
is_whole(const char *link)
{
	size_t n = strcspn(link, ":/?#");

	return n != 0 && link[n] == ':';
}

/* The link as one can call it from elsewhere. */
static enum err
make_whole(const struct rewrite *w, struct buf *b, const char *link)
{
	char origin[ORIGIN_MAX];
	enum err e;

	if (is_whole(link) || !find_origin(w, origin))
		return buf_adds(b, link);
	if (strncmp(link, "//", 2) == 0)
		origin[strcspn(origin, "/")] = '\0';
	e = buf_adds(b, origin);
	if (e == ERR_OK && link[0] != '/')
		e = buf_addc(b, '/');
	return e == ERR_OK ? buf_adds(b, link) : e;
}

static bool
is_text(const struct node *node)
{
	return node != NULL && node->kind == NODE_TEXT && node->text_len != 0;
}

/* One link, at the place where a link stood. */
static enum err
one_link(const struct rewrite *w, struct element *el, struct node *file)
{
	struct node *link = node_child(file, "link");
	struct node *download = node_child(file, "downloadLink");
	const struct node *best = is_text(download) ? download : link;
	struct buf b;
	enum err e;

	if (!is_text(best))
		return ERR_OK;
	buf_init(&b, best->text_len + ORIGIN_MAX);
	e = make_whole(w, &b, best->text);
	if (link == NULL) {
		download->key = "link";
		download->key_len = strlen("link");
		link = download;
	} else if (download != NULL) {
		download->kind = NODE_NONE;
	}
	if (e == ERR_OK)
		e = element_set(el, link, b.p, b.len);
	buf_free(&b);
	return e;
}

static enum err
links(const struct rewrite *w, struct element *el)
{
	const struct node *files = element_files(el);
	enum err e = ERR_OK;

	if (files == NULL || files->kind != NODE_TREE)
		return ERR_OK;
	for (struct node *f = node_first(files); e == ERR_OK && f != NULL;
	    f = node_next(f))
		e = one_link(w, el, f);
	return e;
}

/* What came under the name that we give to the operator would be taken for
 * that. */
static void
hide_author(const struct rewrite *w, const struct element *el)
{
	struct node *author = node_child(el->tree.root, "author");

	if (w->config->signature == SIGNATURE_SPLIT && author != NULL)
		author->kind = NODE_NONE;
}

enum err
rewrite_render(struct rewrite *w)
{
	buf_reset(&w->body);
	return render_element(&w->body, w->element.tree.root);
}

enum err
rewrite_body(struct rewrite *w, const char *body, size_t n)
{
	struct element *el = &w->element;
	enum err e = element_read(el, body, n);

	w->author = NULL;
	buf_init(&w->body, n * 2 * BBCODE_GROWTH + MORE);
	if (e == ERR_OK)
		e = convert(w, el);
	if (e == ERR_OK)
		e = links(w, el);
	if (e == ERR_OK)
		hide_author(w, el);
	return e == ERR_OK ? rewrite_render(w) : e;
}

void
rewrite_free(struct rewrite *w)
{
	element_free(&w->element);
	buf_free(&w->body);
	free(w->author);
	*w = (struct rewrite){ .config = NULL };
}
