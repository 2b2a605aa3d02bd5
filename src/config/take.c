/*
 * Sections and options as they come: where each belongs, and whether it may
 * stand there.
 *
 * Called by read.c, line by line.  Owns nothing; what is made goes
 * into the configuration.  A complaint is recorded in the reader's problem
 * with its line, and no value of a secret is in it.
 */
#include "config/reader.h"

#include "base/near.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PATH_SHOWN 100	/* bytes; the reason must fit behind it */
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static enum err
say_wrong(const char *path, int line, const char *reason, struct problem *p)
{
	char number[16] = "";
	size_t n = strlen(path);
	size_t skip = n > PATH_SHOWN ? n - PATH_SHOWN : 0;

	if (line > 0)
		(void)snprintf(number, sizeof(number), ":%d", line);
	return problem_set(p, ERR_CONFIG, -1, NULL, "%s%s%s: %s",
	    skip != 0 ? "..." : "", path + skip, number, reason);
}

enum err
config_complain(struct config_reader *r, int line, const char *fmt, ...)
{
	char reason[PROBLEM_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	(void)say_wrong(r->path, line, reason, r->p);
	r->wrong = true;
	if (r->sink != NULL)
		r->sink->wrong(r->sink, line, reason);
	else
		r->e = ERR_CONFIG;
	return ERR_CONFIG;
}

enum err
config_wrong(const struct config *c, int line, struct problem *p,
    const char *fmt, ...)
{
	char reason[PROBLEM_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	if (c->path == NULL)		/* it was made by hand */
		return problem_set(p, ERR_CONFIG, -1, NULL, "%s", reason);
	return say_wrong(c->path[0] != '\0' ? c->path : CONFIG_DEFAULT_PATH,
	    line, reason, p);
}

enum err
config_no_memory(struct config_reader *r)
{
	r->e = problem_set(r->p, ERR_NOMEM, -1, NULL, "out of memory");
	return r->e;
}

/* A section of its own has nothing to fall back on but the limits, unless it
 * is there to register a connector.  Bitrix24 registers in lower case, and an
 * operator's edits are then never sent to another spelling. */
enum err
config_end_section(struct config_reader *r)
{
	const struct config_channel *ch = &r->c->channel[r->channel];
	bool named = r->channel != 0 && ch->as.name[0] != '\0';

	if (r->channel != 0 && !named &&
	    config_channel_line(r->c, ch, "url") == 0)
		return config_complain(r, config_channel_line(r->c, ch, NULL),
		    "[%s] needs url%s", r->shown.text, ch->line == 0 ?
		    ", or a name to be registered by" : "");
	if (named && strpbrk(ch->connector, CAPITALS) != NULL)
		return config_complain(r, config_channel_line(r->c, ch, NULL),
		    "[%s] has a name, to be registered by: Bitrix24 wants "
		    "such an ID in lower case", r->shown.text);
	return ERR_OK;
}

static bool
same_channel(const struct config_channel *ch, const char *name, size_t n,
    int64_t line)
{
	return ch->line == line && strlen(ch->connector) == n &&
	    strncasecmp(ch->connector, name, n) == 0;
}

/* [connector NAME] or [connector NAME/LINE]; `spec` is NAME... */
static enum err
begin_connector(struct config_reader *r, const char *spec)
{
	size_t n = strcspn(spec, "/");
	int64_t line = 0;
	struct config *c = r->c;

	if (!config_name_ok(spec, n))
		return config_complain(r, r->line,
		    "[%s] must be [connector NAME] or [connector NAME/LINE], "
		    "NAME of letters, digits and _", r->shown.text);
	if (spec[n] == '/' && (spec[n + 1] == '0' ||
	    !config_number(spec + n + 1, &line)))
		return config_complain(r, r->line,
		    "[%s] the line must be a number from 1 to 2^63-1",
		    r->shown.text);
	for (size_t i = 1; i < c->channels; i++)
		if (same_channel(&c->channel[i], spec, n, line))
			return config_complain(r, r->line,
			    "[%s] is there twice", r->shown.text);
	if (config_add_channel(c, spec, n) != ERR_OK)
		return config_no_memory(r);
	r->channel = c->channels - 1;
	c->channel[r->channel].line = line;
	c->channel_lines[r->channel].section = r->line;
	r->section = "channel";
	r->skip = false;
	return ERR_OK;
}

static enum err
unknown_section(struct config_reader *r, const char *name)
{
	struct near near = { 0 };

	near_try_words(&near, name, "connector");
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		near_try_words(&near, name, config_options[i].section);
	return near.word == NULL ?
	    config_complain(r, r->line, "[%s] is no known section",
	    r->shown.text) : config_complain(r, r->line,
	    "[%s] is no known section: did you mean [%s%s]?", r->shown.text,
	    near.word, near.word[0] == 'c' && near.word[1] == 'o' ? " NAME" :
	    "");
}

static enum err
begin_section(struct config_reader *r, const char *name)
{
	static const char word[] = "connector";
	size_t n = strcspn(name, BLANKS);

	if (config_end_section(r) != ERR_OK && r->e != ERR_OK)
		return r->e;
	r->shown = config_show(name, strlen(name));
	r->channel = 0;
	r->last = NULL;
	r->skip = true;
	if (n == sizeof(word) - 1 && memcmp(name, word, n) == 0)
		return begin_connector(r, name + n + strspn(name + n, BLANKS));
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		if (!config_option_is_connector(&config_options[i]) &&
		    strcmp(name, config_options[i].section) == 0) {
			r->section = config_options[i].section;
			r->skip = false;
			return ERR_OK;
		}
	return unknown_section(r, name);
}

/* libinih ignores what stands behind the bracket; we must not. */
enum err
config_take_section(struct config_reader *r, const char *text)
{
	size_t n = strcspn(text, "]");
	const char *rest = text + n;
	char name[LINE_SIZE];

	if (*rest == ']')
		rest += 1 + strspn(rest + 1, BLANKS);
	r->skip = true;
	if (text[n] != ']' || (*rest != '\0' && *rest != ';' && *rest != '#'))
		return config_complain(r, r->line,
		    "a section must be [NAME] and nothing else on its line");
	(void)snprintf(name, sizeof(name), "%.*s", (int)n, text);
	return begin_section(r, name);
}

const struct option *
config_option_find(const char *section, const char *name)
{
	for (size_t i = 0; section != NULL && i < CONFIG_OPTIONS; i++)
		if (strcmp(section, config_options[i].section) == 0 &&
		    strcmp(name, config_options[i].name) == 0)
			return &config_options[i];
	return NULL;
}

/* What is said of a connector as a whole is no option of its lines. */
static const struct option *
find_here(const struct config_reader *r, const char *name)
{
	const struct option *o = config_option_find(r->section, name);

	if (o == NULL && r->channel != 0 &&
	    r->c->channel[r->channel].line == 0)
		o = config_option_find("connector", name);
	return o;
}

/* A forgotten "=" must not show a secret that has a ":" or "=" in it. */
static enum err
unknown_option(struct config_reader *r, const char *name)
{
	struct shown shown = config_show(name, strlen(name));
	struct near near = { 0 };
	const char *home = NULL;
	int homes = 0;

	if (name[0] == '\0' || strpbrk(name, BLANKS) != NULL)
		return config_complain(r, r->line,
		    "the line must be [section] or option = value");
	if (r->section == NULL)
		return config_complain(r, r->line,
		    "%s stands before any [section]", shown.text);
	for (size_t i = 0; i < CONFIG_OPTIONS; i++)
		if (strcmp(config_options[i].name, name) == 0) {
			home = config_options[i].section;
			homes++;
		} else if (strcmp(config_options[i].section, r->section) == 0)
			near_try_words(&near, name, config_options[i].name);
	if (homes == 1)
		return config_complain(r, r->line, "[%s] has no option %s: "
		    "it belongs to [%s%s]", r->shown.text, shown.text, home,
		    strcmp(home, "connector") == 0 ? " NAME" : "");
	return near.word == NULL ?
	    config_complain(r, r->line, "[%s] has no option %s",
	    r->shown.text, shown.text) : config_complain(r, r->line,
	    "[%s] has no option %s: did you mean %s?", r->shown.text,
	    shown.text, near.word);
}

/* Where the option goes: [channel] is a struct of its own. */
static void *
base_of(struct config_reader *r, const struct option *o)
{
	return config_option_is_channel(o) ?
	    (void *)&r->c->channel[r->channel] : r->c;
}

/* A secret may stand here or in a file, not in both. */
static bool
has_secret(struct config_reader *r, const struct option *o)
{
	char **text = (char **)(void *)((char *)base_of(r, o) + o->at);

	return (o->type == OPT_SECRET || o->type == OPT_SECRET_FILE) &&
	    *text != NULL && (*text)[0] != '\0';
}

/* What else may be wrong with a value that is refused. */
static const char *
hint(const char *value)
{
	const char *odd = config_odd(value);

	if (odd == NULL)
		return "";
	return strcmp(odd, CONFIG_QUOTES) == 0 ?
	    "; it takes no quotes" : "; a note begins with \" ;\"";
}

static enum err
set_option(struct config_reader *r, const struct option *o, const char *value,
    bool more)
{
	struct why why = { .text = "" };
	enum err e;

	if (has_secret(r, o) && value[0] == '\0' && o->type == OPT_SECRET)
		return ERR_OK;		/* the file's stays */
	if (has_secret(r, o))
		return config_complain(r, r->line,
		    "[%s] %s: only one of a secret and its _file can be given",
		    r->shown.text, o->name);
	e = config_option_set(o, base_of(r, o), value, more, &why);
	if (e == ERR_CONFIG)
		return config_complain(r, r->line, "[%s] %s %s%s",
		    r->shown.text, o->name, why.text, hint(value));
	return e == ERR_OK ? ERR_OK : config_no_memory(r);
}

enum err
config_take_option(struct config_reader *r, const char *name,
    const char *value)
{
	bool more = r->indented && r->last != NULL;
	const struct option *o = more ? r->last :
	    find_here(r, name);
	struct config_lines *lines;
	int *given;

	if (o == NULL)
		return unknown_option(r, name);
	lines = config_option_is_channel(o) ?
	    &r->c->channel_lines[r->channel] : &r->c->lines;
	given = &lines->of[o - config_options];
	if (more && !config_option_is_list(o))
		return config_complain(r, r->line,
		    "the line is indented, but [%s] %s is no list "
		    "that it could continue", r->shown.text, o->name);
	if (!more && *given != 0)
		return config_complain(r, r->line,
		    "[%s] %s is already given in line %d", r->shown.text,
		    o->name, *given);
	*given = r->line;
	r->last = o;
	return set_option(r, o, value, more);
}

int
config_line(const struct config *c, const char *section, const char *name)
{
	return c->lines.of[config_option_find(section, name) - config_options];
}

int
config_channel_line(const struct config *c, const struct config_channel *ch,
    const char *name)
{
	const struct config_lines *lines;

	if (c->channel_lines == NULL)
		return 0;		/* it was made by hand */
	lines = &c->channel_lines[ch - c->channel];
	return name == NULL ? lines->section :
	    lines->of[config_option_find("channel", name) - config_options];
}

enum err
config_check_whole(struct config_reader *r)
{
	int first = config_line(r->c, "retry", "first");
	int longest = config_line(r->c, "retry", "longest");

	if (r->c->retry.longest >= r->c->retry.first)
		return ERR_OK;
	return config_complain(r, first > longest ? first : longest,
	    "[retry] longest must not be less than first");
}
