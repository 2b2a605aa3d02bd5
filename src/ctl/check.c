/*
 * imconnectorctl check: what a configuration means, and what is wrong with
 * it and with what it names.
 *
 * Called as a command.  Owns what it opens.  It reads the file twice: as who
 * started it, to learn whose the store is, and as that user, who must be able
 * to read it and all the rest.
 */
#include "ctl/check.h"

#include "base/path.h"
#include "check/check.h"
#include "codec/json_write.h"
#include "ctl/clean.h"
#include "ctl/owner.h"
#include "store/admin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PRINT_MAX ((size_t)16 * 1024 * 1024)
#define HOSTS_MS 3000		/* for all of them */

/* Nobody hears what is wrong: it is read again. */
static void
ignore(struct config_sink *sink, int line, const char *reason)
{
	(void)sink;
	(void)line;
	(void)reason;
}

/* As who started this may read it; NULL: not at all. */
static struct config *
first_look(const char *path)
{
	struct config_sink sink = { .wrong = ignore };
	struct problem unheard = { 0 };
	struct config *c = NULL;

	if (path_usable(config_path(path), PATH_READ) != EACCES)
		(void)config_load_all(&c, path, &sink, &unheard);
	return c;
}

/* Becomes the handler's user.  False: there is no such. */
static bool
become_handler(const struct ctl *ctl, const struct config *c,
    struct problem *p)
{
	const char *user = ctl->a.given[ARG_USER];

	if (user != NULL)
		return become_user(user, p);
	return c == NULL || become_folder_owner(c->store.url, p);
}

/* What only the parts themselves find; its place stands before it. */
static void
add_problem(struct check *k, const struct problem *p)
{
	size_t n = strlen(k->file);
	const char *text = p->text;
	char *end = NULL;
	long line = 0;

	if (strncmp(text, k->file, n) == 0 && text[n] == ':')
		line = strtol(text + n + 1, &end, 10);
	if (line > 0 && strncmp(end, ": ", 2) == 0)
		text = end + 2;
	check_add(k, true, (int)line, text, "", NULL);
}

/* What waits although the configuration is fine; a store that is not there,
 * or cannot be read, is no matter of this. */
static void
ask_store(struct check *k, const struct setup *s)
{
	struct problem p = { 0 };
	struct stats st;
	char what[64];

	if (store_stats(s->store, &st, &p) != ERR_OK)
		return;
	k->token_known = st.portals != 0;
	(void)snprintf(what, sizeof(what), "%" PRId64 " messages wait",
	    st.uncovered);
	if (st.uncovered != 0)
		check_add(k, false, 0, what, "no running handler takes up "
		    "their connector", "imconnectorctl queue list");
}

static void
warn_of_root(struct check *k)
{
	if (geteuid() == 0)
		check_add(k, false, 0, "this was checked as root", "the "
		    "store's folder is not another user's, so nothing tells "
		    "who the handler is. Name its user with --user", NULL);
}

/* Wrong lines, or that the handler's user cannot read the file at all: then
 * `first` has to do.  NULL: there is nothing to be checked. */
static struct config *
second_look(struct check *k, const char *path, struct config *first)
{
	struct problem p = { 0 };
	struct hindrance h;
	struct config *c = NULL;

	if (path_usable(k->file, PATH_READ) == EACCES) {
		path_hindered(&h, k->file, PATH_READ, EACCES, true);
		check_add(k, true, 0, "the configuration", h.why, h.run);
		return first;
	}
	config_free(first);
	if (config_load_all(&c, path, &k->sink, &p) != ERR_OK &&
	    k->errors == 0)
		add_problem(k, &p);
	if (k->errors != 0 && k->of[0].line == 0) {
		config_free(c);		/* nothing of it was read */
		c = NULL;
	}
	return c;
}

static void
check_all(struct ctl *ctl, struct check *k, struct config *first)
{
	const struct setup_opts opts = { .config = ctl->a.given[ARG_CONFIG],
	    .one_shot = true };
	struct problem p = { 0 };
	struct config *c = second_look(k, opts.config, first);

	if (c == NULL)
		return;
	if (k->errors == 0 && setup_make(&ctl->s, &opts, &p) != ERR_OK)
		add_problem(k, &p);
	if (k->errors == 0)
		ask_store(k, &ctl->s);
	check_options(k, c);
	check_paths(k, c);
	check_hosts(k, c, HOSTS_MS);
	warn_of_root(k);
	config_free(c);
}

static enum err
add_finding(struct buf *b, const struct finding *f)
{
	enum err e = buf_adds(b, b->p[b->len - 1] == '[' ? "{" : ",{");

	if (e == ERR_OK)
		e = json_add_text(b, "level", f->error ? "error" : "warning");
	if (e == ERR_OK && f->line != 0)
		e = json_add_number(b, "line", f->line);
	if (e == ERR_OK)
		e = json_add_text(b, "what", f->what);
	if (e == ERR_OK)
		e = json_add_text(b, "why", f->why);
	if (e == ERR_OK)
		e = json_add_text(b, "run", f->run);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static enum err
add_json(struct buf *b, const struct check *k)
{
	char user[USER_NAME_MAX];
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = json_add_text(b, "file", k->file);
	if (e == ERR_OK)
		e = json_add_text(b, "user", path_user(geteuid(), user));
	if (e == ERR_OK)
		e = json_add_number(b, "errors", (int64_t)k->errors);
	if (e == ERR_OK)
		e = json_add_name(b, "findings");
	if (e == ERR_OK)
		e = buf_addc(b, '[');
	for (size_t i = 0; e == ERR_OK && i < k->n; i++)
		e = add_finding(b, &k->of[i]);
	return e == ERR_OK ? buf_adds(b, "]}") : e;
}

/* For people: on standard error, so that what is in force can be piped. */
static enum err
say_findings(const struct check *k, struct buf *b)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < k->n; i++) {
		buf_reset(b);
		e = check_text(k, &k->of[i], b);
		if (e == ERR_OK && buf_str(b) != NULL)
			fprintf(stderr, "%s\n", buf_str(b));
	}
	buf_reset(b);
	return e;
}

static void
say_fine(const struct check *k)
{
	char user[USER_NAME_MAX];

	fprintf(stderr, "imconnectorctl: %s: the configuration is fine, as "
	    "%s finds it\n", access(k->file, F_OK) == 0 ? k->file :
	    "defaults, no file", path_user(geteuid(), user));
}

static enum err
show(const struct ctl *ctl, const struct check *k, struct buf *b)
{
	bool json = ctl->a.given[ARG_JSON] != NULL;
	enum err e = json ? add_json(b, k) : say_findings(k, b);

	if (e == ERR_OK && !json && k->errors == 0)
		e = config_print(ctl->s.config, b);
	if (e == ERR_OK && json) {
		clean_json(buf_str(b));
		(void)putchar('\n');
	} else if (e == ERR_OK) {
		(void)fwrite(b->p, 1, b->len, stdout);
	}
	if (e == ERR_OK && !json && k->errors == 0 && fflush(stdout) == 0)
		say_fine(k);
	return e;
}

enum err
check_look(struct ctl *ctl, struct check *k, struct problem *p)
{
	struct config *first = first_look(ctl->a.given[ARG_CONFIG]);

	check_init(k, ctl->a.given[ARG_CONFIG]);
	if (!become_handler(ctl, first, p)) {
		config_free(first);
		return p->err;
	}
	check_all(ctl, k, first);
	return ERR_OK;
}

enum err
check_command(struct ctl *ctl, struct problem *p)
{
	struct check k;
	struct buf b;
	enum err e = check_look(ctl, &k, p);

	if (e != ERR_OK) {
		if (e == ERR_UNUSABLE)
			ctl->code = usage("%s", p->text);
		return e == ERR_UNUSABLE ? ERR_OK : e;
	}
	buf_init(&b, PRINT_MAX);
	e = show(ctl, &k, &b);
	if (e != ERR_OK)
		(void)problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	ctl->code = k.errors != 0 ? EX_CONFIG : EX_OK;
	buf_free(&b);
	check_end(&k);
	(void)setup_free(&ctl->s);
	return e;
}
