/*
 * imconnector.fcgi: the handler, as FastCGI or as plain CGI.
 *
 * Started by the web server, by spawn-fcgi or by systemd.  How it runs is
 * found out, not configured: a listening socket on descriptor 0 means
 * FastCGI, the environment of a request means CGI.  Ends with 0, or with a
 * code of sysexits.h; plain CGI answers 500 instead.
 */
#include "base/fault.h"
#include "base/process.h"
#include "check/check.h"
#include "config/config.h"
#include "relay/relay.h"
#include "setup.h"
#include "web/accept.h"
#include "web/cgi.h"

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char help[] =
"usage: imconnector.fcgi [--config FILE]\n"
"\n"
"A Bitrix24 open-line handler.  A web server starts it, as FastCGI (with a\n"
"listening socket on descriptor 0) or as plain CGI.  To try it by hand:\n"
"\n"
"  spawn-fcgi -n -s /run/imconnector/imconnector.sock -- \\\n"
"      imconnector.fcgi --config FILE\n"
"\n"
"  --config FILE  the configuration; else $IMCONNECTOR_CONFIG, else\n"
"                 /etc/imconnector/imconnector.conf, else the defaults\n"
"  -h, --help     this text\n"
"  --version      the version\n"
"\n"
"imconnectorctl check tells what a configuration means.\n";

/* Reads the arguments.  Returns an exit code, or -1 to go on. */
static int
read_arguments(int argc, char **argv, const char **config)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'c') {
			*config = optarg;
		} else if (c == 'h' || c == 'v') {
			fputs(c == 'h' ? help : "imconnector " VERSION "\n",
			    stdout);
			return EX_OK;
		} else {
			fputs(help, stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fputs(help, stderr);
	return EX_USAGE;
}

static int
exit_code(enum err e)
{
	if (e == ERR_OK)
		return EX_OK;
	return e == ERR_CONFIG ? EX_CONFIG : EX_OSERR;
}

/* As long as a hand-over and a status call may take, with their repeats. */
static int64_t
longest_ms(const struct config *c)
{
	int64_t longest = c->channel[0].timeout;

	for (size_t i = 1; i < c->channels; i++)
		if (c->channel[i].timeout > longest)
			longest = c->channel[i].timeout;
	return (longest + 4 * c->portal.timeout) * 1000;
}

/* Its share of what is due, behind its answer, and what is on its way. */
static void
work_on(struct setup *s)
{
	const struct env *env = relay_env(s->relay);
	struct pass share = { .messages = 20, .ms = 5000 };
	struct deadline until = deadline_in(env->clock,
	    longest_ms(s->config));
	struct problem p = { 0 };
	int64_t left;

	(void)relay_pass(s->relay, &share, &p);
	while (relay_busy(s->relay) != 0 &&
	    (left = deadline_left(&until)) > 0)
		loop_turn(env->loop, left);
}

static int
run_cgi(void)
{
	/* the web server's query string may stand in argv: never looked at */
	const struct setup_opts opts = { .one_shot = true,
	    .makes_store = true };
	struct problem p = { 0 };
	struct setup s;
	enum err e = setup_make(&s, &opts, &p);

	if (e == ERR_OK) {
		cgi_serve(s.relay);
		work_on(&s);
	} else {
		fprintf(stderr, "imconnector.fcgi: %s\n", p.text);
		/* the place is the administrator's business */
		p = (struct problem){ .err = ERR_CONFIG, .at = -1, .text =
		    "the configuration is wrong; the error log says where" };
		cgi_refuse(&p);
	}
	if (!setup_free(&s))
		_exit(EX_OK);
	return EX_OK;
}

/*
 * glibc gives each thread a heap of its own and gives every free page back at
 * once: many threads that take turns would keep a heap's peak each, and fault
 * their pages in again and again.  What is large comes from the kernel, lest
 * pages of a table that are never used are cleared.
 */
static void
tune_memory(void)
{
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

/* The same as imconnectorctl check, but for what it would wait for; what
 * may heal does not keep us from starting. */
static void
say_findings(const char *path, const struct config *c)
{
	struct check k;

	check_init(&k, path);
	/* the store may know tokens; only events ask it */
	k.token_known = access(strchr(c->store.url, ':') + 1, F_OK) == 0;
	check_options(&k, c);
	check_paths(&k, c);
	check_log(&k, &c->log);
	check_end(&k);
}

/* It was refused for one wrong line: the others, too. */
static void
say_wrong_lines(const char *path)
{
	struct problem p = { 0 };
	struct config *c = NULL;
	struct check k;

	check_init(&k, path);
	(void)config_load_all(&c, path, &k.sink, &p);
	if (c != NULL)
		check_log(&k, &c->log);
	config_free(c);
	check_end(&k);
}

static int
run_fastcgi(const char *config)
{
	const struct setup_opts opts = { .config = config,
	    .makes_store = true };
	struct problem p = { 0 };
	struct setup s;
	bool busy = false;
	enum err e;

	tune_memory();
	if (!accept_block_signals())
		return EX_OSERR;
	e = setup_make(&s, &opts, &p);
	if (e == ERR_OK) {
		log_info(s.env.log, "started", F_STR("version", VERSION),
		    F_STR("config", config_path(config)),
		    F_INT("workers", s.config->server.workers));
		say_findings(config, s.config);
		e = accept_serve(s.relay, s.readers, &busy, &p);
	}
	if (e != ERR_OK)
		fprintf(stderr, "imconnector.fcgi: %s\n", p.text);
	if (e == ERR_CONFIG)
		say_wrong_lines(config);
	/* what still works uses these, and what exit() would take from under
	 * it, too; the queue survives any end */
	if (busy)
		channels_halt(s.channels);
	if (busy || !setup_free(&s))
		_exit(exit_code(e));
	return exit_code(e);
}

int
main(int argc, char **argv)
{
	const char *config = NULL;
	int code;

	if (!process_begin()) {
		perror("imconnector.fcgi");
		return EX_OSERR;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);	/* a limit is an error, no death */
#ifdef FAULT_POINTS
	if (argc == 2 && strcmp(argv[1], "--fault-points") == 0) {
		for (size_t i = 0; fault_names[i] != NULL; i++)
			puts(fault_names[i]);
		return EX_OK;
	}
#endif
	if (!accept_is_fastcgi() && cgi_is_request())
		return run_cgi();
	code = read_arguments(argc, argv, &config);
	if (code >= 0)
		return code;
	if (accept_is_fastcgi())
		return run_fastcgi(config);
	fputs(help, stderr);
	return EX_USAGE;
}
