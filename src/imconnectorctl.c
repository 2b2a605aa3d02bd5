/*
 * imconnectorctl: the operator's tool.
 *
 * Run by a person or a timer.  Reads the same configuration as the handler
 * and looks into the same queue, which may be in use.  Ends with 0 or a code
 * of sysexits.h.  What it can do is the table in ctl/commands.c.
 */
#include "base/process.h"
#include "ctl/command.h"
#include "ctl/health.h"
#include "ctl/owner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

static int
complain(enum err e, const struct problem *p)
{
	fprintf(stderr, "imconnectorctl: %s\n", p->text);
	if (e == ERR_CONFIG)
		return EX_CONFIG;
	if (e == ERR_UNUSABLE)
		return EX_NOINPUT;
	return e == ERR_DISK ? EX_IOERR : EX_OSERR;
}

static enum err
open_store(struct ctl *ctl, struct problem *p)
{
	const struct setup_opts opts = { .config = ctl->a.given[ARG_CONFIG],
	    .one_shot = true };
	enum err e = setup_make(&ctl->s, &opts, p);
	const char *path;
	struct stat st;

	if (e != ERR_OK)
		return e;
	path = strchr(ctl->s.config->store.url, ':') + 1;
	if (stat(path, &st) != 0 && errno == ENOENT)
		return problem_set(p, ERR_UNUSABLE, -1, NULL, "there is no "
		    "store %s yet: a handler makes it with the first event. "
		    "If one runs, it may have another [store] url", path);
	return become_owner(ctl->s.config->store.url, p) ? ERR_OK : p->err;
}

static int
run(const struct command *c, struct ctl *ctl)
{
	struct problem p = { 0 };
	enum err e = c->store ? open_store(ctl, &p) : ERR_OK;

	if (e == ERR_OK)
		e = c->run(ctl, &p);
	if (e != ERR_OK && ctl->a.given[ARG_CHECK] != NULL)
		ctl->code = health_unknown(&p);
	else if (e != ERR_OK)
		ctl->code = complain(e, &p);
	else if (fflush(stdout) != 0 || ferror(stdout) != 0)
		ctl->code = EX_IOERR;
	if (c->store)
		(void)setup_free(&ctl->s);
	return ctl->code;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .code = EX_OK };
	const struct command *c;
	int code;

	if (!process_begin()) {
		perror("imconnectorctl");
		return EX_OSERR;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);	/* a limit is an error, no death */
	code = arguments_read(argc, argv, &ctl.a, &c);
	return code >= 0 ? code : run(c, &ctl);
}
