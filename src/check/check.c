/*
 * The list of what the checks have found.
 *
 * Called by the checks, which add to it, and by the programs, which show it.
 * Owns the texts.  Where memory runs out a finding is lost; the count of
 * errors is not.
 */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

#define FINDINGS_MAX 1000	/* nobody reads more */

static void
finding_free(struct finding *f)
{
	free(f->what);
	free(f->why);
	free(f->run);
}

/* A line that is wrong as a text says nothing of the world. */
static bool
is_wrong_line(const struct check *k, int line)
{
	for (size_t i = 0; i < k->n && line != 0; i++)
		if (k->of[i].line == line && k->of[i].error &&
		    k->of[i].why[0] == '\0')
			return true;
	return false;
}

void
check_add(struct check *k, bool error, int line, const char *what,
    const char *why, const char *run)
{
	struct finding *grown;
	struct finding f;

	if (is_wrong_line(k, line))
		return;
	grown = k->n < FINDINGS_MAX ? realloc(k->of,
	    (k->n + 1) * sizeof(*grown)) : NULL;
	f = (struct finding) { .error = error, .line = line,
	    .what = strdup(what), .why = strdup(why),
	    .run = strdup(run != NULL ? run : "") };
	k->errors += error;
	if (grown != NULL)
		k->of = grown;
	if (grown != NULL && f.what != NULL && f.why != NULL && f.run != NULL)
		grown[k->n++] = f;
	else
		finding_free(&f);
}

static void
on_wrong_line(struct config_sink *sink, int line, const char *reason)
{
	check_add((struct check *)sink, true, line, reason, "", NULL);
}

void
check_init(struct check *k, const char *path)
{
	*k = (struct check){ .sink.wrong = on_wrong_line,
	    .file = config_path(path) };
}

void
check_end(struct check *k)
{
	for (size_t i = 0; i < k->n; i++)
		finding_free(&k->of[i]);
	free(k->of);
	k->of = NULL;
	k->n = 0;
}

void
check_log(const struct check *k, const struct log *log)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct finding *f = &k->of[i];

		LOG_AT(log, f->error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
		    "configuration", F_STR("file", k->file),
		    F_INT(f->line != 0 ? "line" : "", f->line),
		    F_STR("what", f->what),
		    F_OPT("reason", f->why[0] != '\0' ? f->why : NULL),
		    F_OPT("run", f->run[0] != '\0' ? f->run : NULL));
	}
}

enum err
check_text(const struct check *k, const struct finding *f, struct buf *b)
{
	enum err e = buf_adds(b, k->file);

	if (e == ERR_OK && f->line != 0)
		e = buf_addf(b, ":%d", f->line);
	if (e == ERR_OK)
		e = buf_addf(b, ": %s%s", f->error ? "" : "warning: ",
		    f->what);
	if (e == ERR_OK && f->why[0] != '\0')
		e = buf_addf(b, ": %s", f->why);
	if (e == ERR_OK && f->run[0] != '\0')
		e = buf_addf(b, ". Run: %s", f->run);
	return e;
}
