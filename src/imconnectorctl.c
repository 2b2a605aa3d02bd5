/*
 * imconnectorctl: the operator's tool.
 *
 * Run by a person or a timer.  Reads the same configuration as the handler
 * and looks into the same queue, which may be in use.  Ends with 0 or a code
 * of sysexits.h.
 */
#include "config.h"
#include "ctl/queue.h"
#include "setup.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const char help[] =
"usage: imconnectorctl [--config FILE] COMMAND\n"
"\n"
"  check              reads the configuration, says what is wrong and where,\n"
"                     and prints the effective values without secrets\n"
"  queue list         the messages of the queue, in order of arrival\n"
"  queue show KEY     all that is known of one message\n"
"\n"
"  --config FILE      the configuration; else $IMCONNECTOR_CONFIG, else\n"
"                     /etc/imconnector/imconnector.conf, else the defaults\n"
"  --json             output for programs (queue list, queue show)\n"
"  --help, --version\n"
"\n"
"Exit codes are those of sysexits.h: 0 done, 64 usage, 66 no such message,\n"
"74 the store cannot be read, 78 the configuration is wrong.\n";

struct arguments {
	const char *config;
	bool json;
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

/* Reads the arguments.  Returns an exit code, or -1 to go on. */
static int
read_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h' || c == 'v') {
			fputs(c == 'h' ? help : "imconnectorctl " VERSION
			    "\n", stdout);
			return EX_OK;
		}
		if (c == '?')
			return usage("wrong option");
		if (c == 'c')
			a->config = optarg;
		a->json = a->json || c == 'j';
	}
	a->word = argv + optind;
	a->words = argc - optind;
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

static int
check(const struct arguments *a)
{
	const struct setup_opts opts = { .config = a->config };
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
		fprintf(stderr, "imconnectorctl: %s: the configuration is "
		    "fine\n", access(config_path(a->config), F_OK) == 0 ?
		    config_path(a->config) : "defaults, no file");
	buf_free(&b);
	setup_free(&s);
	return code;
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

static int
queue(const struct arguments *a)
{
	const struct setup_opts opts = { .config = a->config };
	bool list = a->words == 2 && strcmp(a->word[1], "list") == 0;
	bool show = a->words == 3 && strcmp(a->word[1], "show") == 0;
	struct problem p = { 0 };
	struct setup s;
	int code = EX_OK;
	enum err e;

	if (!list && !show)
		return usage("it is 'queue list' or 'queue show KEY'");
	e = setup_make(&s, &opts, &p);
	if (e == ERR_OK && !become_owner(s.config->store.url, &p))
		e = p.err;
	if (e == ERR_OK)
		e = list ? queue_list(s.store, a->json, &p) :
		    queue_show(s.store, a->word[2], a->json, &p);
	if (e == ERR_UNUSABLE) {
		fprintf(stderr, "imconnectorctl: %s\n", p.text);
		code = EX_NOINPUT;
	} else if (e != ERR_OK) {
		code = complain(e, &p);
	} else if (fflush(stdout) != 0) {
		code = EX_IOERR;
	}
	setup_free(&s);
	return code;
}

int
main(int argc, char **argv)
{
	struct arguments a = { .config = NULL };
	int code = read_arguments(argc, argv, &a);

	if (code >= 0)
		return code;
	if (strcmp(a.word[0], "check") == 0)
		return a.words == 1 ? check(&a) :
		    usage("'check' takes no words behind it");
	if (strcmp(a.word[0], "queue") == 0)
		return queue(&a);
	return usage("this is no command");
}
