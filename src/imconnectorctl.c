/*
 * imconnectorctl: the operator's tool.
 *
 * Run by a person or a timer.  Reads the same configuration as the handler
 * and looks into the same queue, which may be in use.  Ends with 0 or a code
 * of sysexits.h.
 */
#include "base/process.h"
#include "config.h"
#include "ctl/act.h"
#include "ctl/queue.h"
#include "ctl/report.h"
#include "setup.h"
#include "store/admin.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define KEY_LETTERS 27		/* of a message's key, at least */

static const char help[] =
"usage: imconnectorctl [--config FILE] [--json] COMMAND\n"
"\n"
"  check              reads the configuration, says what is wrong and where,\n"
"                     and prints the effective values without secrets\n"
"  queue list         the messages, in order of arrival; what is done, last\n"
"      [--state S]    only received, delivered, acknowledged or refused ones\n"
"      [--portal M]   only those of the portal with this member_id\n"
"      [--chat C]     only those of this chat\n"
"  queue show KEY     all that is known of one message\n"
"  queue retry KEY    a refused message goes on from the step that refused it\n"
"  queue retry --all-refused\n"
"                     all of them do\n"
"  queue drop KEY     removes a message for good\n"
"  retry              one pass over all messages that are due\n"
"  purge              removes what was acknowledged store.keep_days ago\n"
"  portals            the portals on which the application is installed\n"
"  stats              figures of the queue\n"
"\n"
"  --config FILE      the configuration; else $IMCONNECTOR_CONFIG, else\n"
"                     /etc/imconnector/imconnector.conf, else the defaults\n"
"  --json             output for programs\n"
"  --help, --version\n"
"\n"
"Exit codes are those of sysexits.h: 0 done, 64 usage, 66 no such message,\n"
"74 the store cannot be read or written, 78 the configuration is wrong.\n";

struct arguments {
	const char *config;
	bool json;
	bool all_refused;
	struct filter filter;
	char **word;
	int words;
};

static int
usage(const char *why)
{
	fprintf(stderr, "imconnectorctl: %s\n"
	    "Try 'imconnectorctl --help'.\n", why);
	return EX_USAGE;
}

static bool
read_state(const char *name, enum state *out)
{
	for (*out = STATE_RECEIVED; *out <= STATE_REFUSED; (*out)++)
		if (strcmp(state_name(*out), name) == 0)
			return true;
	return false;
}

static bool
take_option(struct arguments *a, int c)
{
	switch (c) {
	case 'c':
		a->config = optarg;
		return true;
	case 'j':
		return a->json = true;
	case 'a':
		return a->all_refused = true;
	case 'p':
		a->filter.member_id = optarg;
		return true;
	case 't':
		a->filter.chat = optarg;
		return true;
	default:
		return read_state(optarg, &a->filter.state);
	}
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

/* Reads the arguments.  Returns an exit code, or -1 to go on. */
static int
read_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "state", required_argument, NULL, 's' },
		{ "portal", required_argument, NULL, 'p' },
		{ "chat", required_argument, NULL, 't' },
		{ "all-refused", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	a->word = argv + 1;
	while (next_word(argc, argv, a)) {
		/* it ends at the first word, and takes no other for one */
		c = getopt_long(argc, argv, "+", options, NULL);
		if (c == -1)
			break;
		if (c == 'h' || c == 'v') {
			fputs(c == 'h' ? help : "imconnectorctl " VERSION
			    "\n", stdout);
			return EX_OK;
		}
		if (c == '?' || !take_option(a, c))
			return usage("wrong option");
	}
	while (optind < argc)		/* behind "--" */
		a->word[a->words++] = argv[optind++];
	return a->words != 0 ? -1 : usage("a command is missing");
}

static int
complain(enum err e, const struct problem *p)
{
	fprintf(stderr, "imconnectorctl: %s\n", p->text);
	if (e == ERR_CONFIG)
		return EX_CONFIG;
	return e == ERR_DISK ? EX_IOERR : EX_OSERR;
}

/*
 * Root becomes the owner of the store: files that SQLite makes beside it
 * must be the handler's to write.
 */
static bool
become_owner(const char *store_url, struct problem *p)
{
	const char *path = strchr(store_url, ':') + 1;	/* store_open checked */
	const struct passwd *pw;
	struct stat st;

	if (geteuid() != 0 || stat(path, &st) != 0 || st.st_uid == 0)
		return true;
	pw = getpwuid(st.st_uid);
	if ((pw != NULL ? initgroups(pw->pw_name, st.st_gid) :
	    setgroups(0, NULL)) == 0 && setgid(st.st_gid) == 0 &&
	    setuid(st.st_uid) == 0)
		return true;
	(void)problem_set(p, ERR_RETRY, -1, NULL,
	    "cannot become the owner of %s: %s", path, strerror(errno));
	return false;
}

/* What waits although the configuration is fine; a store that is not there,
 * or cannot be read, is no matter of the configuration. */
static void
warn_of_uncovered(const struct setup *s)
{
	struct problem p = { 0 };
	struct stats st;

	if (become_owner(s->config->store.url, &p) &&
	    store_stats(s->store, &st, &p) == ERR_OK && st.uncovered != 0)
		fprintf(stderr, "imconnectorctl: warning: %" PRId64
		    " messages wait whose connector no running handler takes "
		    "up; see 'imconnectorctl queue list'\n", st.uncovered);
}

static void
say_fine(const struct arguments *a, const struct setup *s)
{
	fprintf(stderr, "imconnectorctl: %s: the configuration is fine\n",
	    access(config_path(a->config), F_OK) == 0 ?
	    config_path(a->config) : "defaults, no file");
	warn_of_uncovered(s);
}

static int
check(const struct arguments *a)
{
	const struct setup_opts opts = { .config = a->config,
	    .one_shot = true };
	struct problem p = { 0 };
	struct setup s;
	struct buf b;
	int code = EX_OK;
	enum err e = setup_make(&s, &opts, &p);

	buf_init(&b, (size_t)16 * 1024 * 1024);
	if (e == ERR_OK && config_print(s.config, &b) != ERR_OK)
		e = problem_set(&p, ERR_NOMEM, -1, NULL, "out of memory");
	if (e != ERR_OK)
		code = complain(e, &p);
	else if (fwrite(b.p, 1, b.len, stdout) != b.len ||
	    fflush(stdout) != 0)
		code = EX_IOERR;
	else
		say_fine(a, &s);
	buf_free(&b);
	(void)setup_free(&s);
	return code;
}

/* What a command does with the open parts. */
typedef enum err action(const struct arguments *, const struct setup *,
    struct problem *);

static enum err
do_list(const struct arguments *a, const struct setup *s, struct problem *p)
{
	return queue_list(s->store, &a->filter, a->json, p);
}

static enum err
do_show(const struct arguments *a, const struct setup *s, struct problem *p)
{
	return queue_show(s->store, a->word[2], a->json, p);
}

static enum err
do_requeue(const struct arguments *a, const struct setup *s,
    struct problem *p)
{
	return act_retry_refused(s->store, a->all_refused ? NULL :
	    a->word[2], a->json, p);
}

static enum err
do_drop(const struct arguments *a, const struct setup *s, struct problem *p)
{
	return act_drop(s->store, a->word[2], a->json, p);
}

static enum err
do_retry(const struct arguments *a, const struct setup *s, struct problem *p)
{
	int64_t n;
	bool more;
	enum err e = act_pass(s->relay, a->json, p);

	/* where only CGI runs and no event comes, a timer's pass forgets */
	return e == ERR_OK ? store_purge(s->store, &n, &more, p) : e;
}

static enum err
do_purge(const struct arguments *a, const struct setup *s, struct problem *p)
{
	return act_purge(s->store, a->json, p);
}

static enum err
do_portals(const struct arguments *a, const struct setup *s,
    struct problem *p)
{
	return report_portals(s->store, a->json, p);
}

static enum err
do_stats(const struct arguments *a, const struct setup *s, struct problem *p)
{
	return report_stats(s->store, a->json, p);
}

static const struct command {
	const char *word, *second;	/* second may be NULL */
	bool key;			/* a key follows */
	action *run;
} commands[] = {
	{ "queue", "list", false, do_list },
	{ "queue", "show", true, do_show },
	{ "queue", "retry", true, do_requeue },
	{ "queue", "drop", true, do_drop },
	{ "retry", NULL, false, do_retry },
	{ "purge", NULL, false, do_purge },
	{ "portals", NULL, false, do_portals },
	{ "stats", NULL, false, do_stats },
};

static const struct command *
find_command(const struct arguments *a)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->word, a->word[0]) == 0 && (c->second == NULL ||
		    (a->words > 1 && strcmp(c->second, a->word[1]) == 0)))
			return c;
	}
	return NULL;
}

/* An option that a command does not heed must not seem to narrow it. */
static bool
has_its_words(const struct command *c, const struct arguments *a)
{
	bool filter = a->filter.state != 0 || a->filter.member_id != NULL ||
	    a->filter.chat != NULL;
	bool key = c->key && !a->all_refused;

	return a->words == 1 + (c->second != NULL) + key &&
	    (!filter || c->run == do_list) &&
	    (!a->all_refused || c->run == do_requeue);
}

static int
run(const struct command *c, const struct arguments *a)
{
	const struct setup_opts opts = { .config = a->config,
	    .one_shot = true };
	struct problem p = { 0 };
	struct setup s;
	int code = EX_OK;
	enum err e = setup_make(&s, &opts, &p);

	if (e == ERR_OK && !become_owner(s.config->store.url, &p))
		e = p.err;
	if (e == ERR_OK)
		e = c->run(a, &s, &p);
	if (e == ERR_UNUSABLE) {
		fprintf(stderr, "imconnectorctl: %s\n", p.text);
		code = EX_NOINPUT;
	} else if (e != ERR_OK) {
		code = complain(e, &p);
	} else if (fflush(stdout) != 0) {
		code = EX_IOERR;
	}
	(void)setup_free(&s);
	return code;
}

int
main(int argc, char **argv)
{
	struct arguments a = { .config = NULL };
	const struct command *c;
	int code;

	if (!process_begin()) {
		perror("imconnectorctl");
		return EX_OSERR;
	}
	code = read_arguments(argc, argv, &a);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);	/* a limit is an error, no death */
	if (code >= 0)
		return code;
	if (strcmp(a.word[0], "check") == 0)
		return a.words == 1 ? check(&a) :
		    usage("'check' takes no words behind it");
	c = find_command(&a);
	if (c == NULL)
		return usage("this is no command");
	return has_its_words(c, &a) ? run(c, &a) :
	    usage("these are not the words that this command takes");
}
