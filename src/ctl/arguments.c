/*
 * The command line: options in any place, the command's words, its operands.
 *
 * Called once by imconnectorctl.  Owns nothing: all texts are argv's, whose
 * words it moves to the front.  What is wrong it says itself.
 */
#include "ctl/command.h"

#include "base/near.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define KEY_LETTERS 27		/* of a message's key, at least */

const struct arg_row arg_rows[ARG__MAX] = {
	[ARG_CONFIG] = { "config", "FILE", NULL,
	    "the configuration; else $IMCONNECTOR_CONFIG, else\n"
	    "/etc/imconnector/imconnector.conf, else the defaults" },
	[ARG_JSON] = { "json", NULL, NULL, "output for programs" },
	[ARG_HELP] = { "help", NULL, NULL, "this text; -h is the same" },
	[ARG_VERSION] = { "version", NULL, NULL, "the version" },
	[ARG_STATE] = { "state", "STATE",
	    "received, delivered, acknowledged, refused",
	    "only messages in this state: received, delivered,\n"
	    "acknowledged or refused" },
	[ARG_PORTAL] = { "portal", "PORTAL", NULL,
	    "only those of this portal: its member_id or its domain" },
	[ARG_CHAT] = { "chat", "CHAT", NULL, "only those of this chat" },
	[ARG_ALL_REFUSED] = { "all-refused", NULL, NULL,
	    "all that are refused" },
	[ARG_CONNECTOR] = { "connector", "ID", NULL,
	    "this connector only" },
	[ARG_ALL] = { "all", NULL, NULL,
	    "messages one by one, also those that are done" },
	[ARG_LIMIT] = { "limit", "N", NULL, "no more than N of them" },
	[ARG_FOLLOW] = { "follow", NULL, NULL,
	    "again every two seconds, until it is interrupted" },
	[ARG_OLDER_THAN] = { "older-than", "AGE", NULL,
	    "only what was refused longer ago: 30m, 12h, 7d" },
	[ARG_YES] = { "yes", NULL, NULL, "does not ask" },
	[ARG_CHECK] = { "check", NULL, NULL,
	    "one line for a monitor; ends with 0, 1 (warning) or\n"
	    "2 (critical)" },
	[ARG_USER] = { "user", "NAME", NULL,
	    "the handler's user, as whom to look (for root); else\n"
	    "the owner of the store's folder" },
	[ARG_VERBOSE] = { "verbose", NULL, NULL,
	    "shows each call and its answer, on standard error, without\n"
	    "tokens" },
	[ARG_DRY_RUN] = { "dry-run", NULL, NULL,
	    "only says what would be called" },
	[ARG_LINE] = { "line", "LINE", NULL, "the open line with this number" },
	[ARG_URL] = { "url", "URL", NULL,
	    "the handler's URL; else app.handler_url, else that at which\n"
	    "the installation arrived" },
	[ARG_CA_FILE] = { "ca-file", "FILE", NULL,
	    "certificates that the handler's URL is trusted by, instead\n"
	    "of the system's" },
	[ARG_SOCKET] = { "socket", "PATH", NULL,
	    "the handler's socket; else that of imconnector.socket in\n"
	    "/etc/systemd/system, else /run/imconnector/imconnector.sock" },
	[ARG_WEB_USER] = { "web-user", "NAME", NULL,
	    "the web server's user; else www-data, nginx or apache" },
	[ARG_TEXTS] = { "texts", NULL, NULL, "with the messages' texts" },
};

int
usage(const char *fmt, ...)
{
	va_list ap;

	fputs("imconnectorctl: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'imconnectorctl help'.\n", stderr);
	return EX_USAGE;
}

/* Keys are of letters that may begin with a minus; no option is as long. */
static bool
is_word(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";

	return s[0] != '-' || s[1] == '\0' ||
	    (strlen(s) >= KEY_LETTERS && s[strspn(s, letters)] == '\0');
}

/* Moves the words that are next to the front.  Whether an option follows. */
static bool
next_word(int argc, char **argv, struct arguments *a)
{
	while (optind < argc && is_word(argv[optind]))
		a->word[a->words++] = argv[optind++];
	return optind < argc;
}

/* getopt_long() refused it: it is none, or has a value that it must not. */
static int
wrong_option(const char *wrote)
{
	char name[NEAR_MAX + 1];
	struct near near = { 0 };
	const char *bare = wrote + strspn(wrote, "-");

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(bare, "="),
	    bare);
	for (int i = 0; i < ARG__MAX; i++)
		near_try(&near, name, arg_rows[i].name,
		    strlen(arg_rows[i].name));
	if (near.word != NULL && near.typos == 0)
		return usage("--%s takes no value", near.word);
	return near.word == NULL ? usage("%s%s: there is no such option",
	    wrote[1] == '-' ? "--" : "-", name) :
	    usage("--%s: did you mean --%s?", name, near.word);
}

static int
take_option(struct arguments *a, int i, const char *value)
{
	const struct arg_row *row = &arg_rows[i];
	struct near near = { 0 };

	a->given[i] = value != NULL ? value : "";
	if (row->words == NULL)
		return -1;
	near_try_words(&near, value, row->words);
	if (near.word != NULL && near.typos == 0 &&
	    strncmp(near.word, value, near.n) == 0)
		return -1;
	return near.word == NULL ? usage("--%s %.40s: it is none of %s",
	    row->name, value, row->words) :
	    usage("--%s %.40s: did you mean %.*s?", row->name, value,
	    (int)near.n, near.word);
}

/* Reads options and words.  Returns an exit code, or -1 to go on. */
static int
read_all(int argc, char **argv, struct arguments *a)
{
	struct option options[ARG__MAX + 1] = { { 0 } };
	int c, code = -1;

	for (int i = 0; i < ARG__MAX; i++)
		options[i] = (struct option){ arg_rows[i].name,
		    arg_rows[i].value != NULL ? required_argument :
		    no_argument, NULL, i };
	opterr = 0;
	a->word = argv + 1;
	while (code < 0 && next_word(argc, argv, a)) {
		/* it ends at the first word, and takes no other for one */
		c = getopt_long(argc, argv, "+:h", options, NULL);
		if (c == -1)
			break;
		if (c == ':')
			return usage("--%s needs a value",
			    arg_rows[optopt].name);
		if (c == '?')
			return wrong_option(argv[optind - 1]);
		code = take_option(a, c == 'h' ? ARG_HELP : c, optarg);
	}
	while (optind < argc)		/* behind "--" */
		a->word[a->words++] = argv[optind++];
	return code;
}

/* An option that a command does not heed must not seem to narrow it. */
static int
check_options(const struct command *c, const struct arguments *a)
{
	for (int i = 0; i < ARG__MAX; i++)
		if (a->given[i] != NULL && ((c->takes | ALL_TAKE) &
		    TAKES(i)) == 0)
			return usage("'%s' takes no --%s", a->word[0],
			    arg_rows[i].name);
	return -1;
}

static int
check_operands(const struct command *c, const struct arguments *a)
{
	int least = c->least, most = c->most;

	for (int i = 0; i < ARG__MAX; i++)
		if (a->given[i] != NULL && (c->instead & TAKES(i)) != 0)
			least = most = 0;
	if (a->operands > most)
		return usage("%.40s: that is a word too many",
		    a->operand[most]);
	return a->operands >= least ? -1 : usage("it is '%s%s%s %s'",
	    c->word, c->second != NULL ? " " : "",
	    c->second != NULL ? c->second : "", c->usage);
}

int
arguments_read(int argc, char **argv, struct arguments *a,
    const struct command **command)
{
	int own, code = read_all(argc, argv, a);

	if (code >= 0)
		return code;
	if (a->given[ARG_VERSION] != NULL) {
		puts("imconnectorctl " VERSION);
		return EX_OK;
	}
	if (a->given[ARG_HELP] != NULL)
		return help_print(a->word, a->words);
	if (a->words == 0)
		return usage("a command is missing");
	*command = command_find(a->word, a->words);
	if (*command == NULL)
		return usage_no_command(a->word, a->words);
	own = (*command)->second != NULL ? 2 : 1;
	a->operand = a->word + own;
	a->operands = a->words - own;
	code = check_options(*command, a);
	if (code < 0)
		code = check_operands(*command, a);
	return code < 0 && (*command)->check != NULL ?
	    (*command)->check(a) : code;
}
