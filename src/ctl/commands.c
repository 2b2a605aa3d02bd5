/*
 * The commands, one row each, and the functions that the rows name.
 *
 * Called by imconnectorctl.  Owns nothing.
 */
#include "base/number.h"
#include "ctl/act.h"
#include "ctl/check.h"
#include "ctl/channel_act.h"
#include "ctl/command.h"
#include "ctl/doctor.h"
#include "ctl/health.h"
#include "ctl/portal_act.h"
#include "ctl/queue.h"
#include "ctl/report.h"
#include "ctl/status.h"
#include "store/admin.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
json(const struct ctl *ctl)
{
	return ctl->a.given[ARG_JSON] != NULL;
}

static enum state
state_given(const char *name)
{
	enum state s = 0;

	if (name != NULL)	/* arguments_read() knows the words */
		for (s = STATE_RECEIVED; strcmp(state_name(s), name) != 0;)
			s++;
	return s;
}

static enum err
do_help(struct ctl *ctl, struct problem *p)
{
	(void)p;
	ctl->code = help_print(ctl->a.operand, ctl->a.operands);
	return ERR_OK;
}

/* 0: none is given. */
static bool
read_limit(const struct arguments *a, int64_t *limit)
{
	*limit = 0;
	return a->given[ARG_LIMIT] == NULL ||
	    (number_read(a->given[ARG_LIMIT], limit) && *limit > 0);
}

static int
check_list(const struct arguments *a)
{
	int64_t limit;

	if (!read_limit(a, &limit))
		return usage("--limit %.40s: it must be a number above 0",
		    a->given[ARG_LIMIT]);
	return a->given[ARG_FOLLOW] == NULL || a->given[ARG_JSON] == NULL ?
	    -1 : usage("--follow is for people: it goes without --json");
}

static enum err
do_list(struct ctl *ctl, struct problem *p)
{
	const char *const *given = ctl->a.given;
	struct listing l = {
		.config = ctl->s.config,
		.filter = {
			.state = state_given(given[ARG_STATE]),
			.member_id = given[ARG_PORTAL],
			.chat = given[ARG_CHAT],
		},
		.json = json(ctl),
		.follow = given[ARG_FOLLOW] != NULL,
		/* groups are not made of a part */
		.all = given[ARG_ALL] != NULL || given[ARG_STATE] != NULL ||
		    given[ARG_PORTAL] != NULL || given[ARG_CHAT] != NULL,
	};

	(void)read_limit(&ctl->a, &l.limit);
	return queue_list(ctl->s.store, &l, p);
}

static enum err
do_show(struct ctl *ctl, struct problem *p)
{
	return queue_show(ctl->s.store, ctl->a.operand[0], json(ctl), p);
}

static enum err
do_requeue(struct ctl *ctl, struct problem *p)
{
	return act_retry_refused(ctl->s.store, ctl->a.operands == 0 ? NULL :
	    ctl->a.operand[0], json(ctl), p);
}

/* "7d" and its kind; 0: none is given. */
static bool
read_age(const char *text, int64_t *ms)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
		{ 'd', 86400000 }, { 'w', 7 * 86400000 } };
	size_t n = text != NULL ? strlen(text) : 0;
	char digits[10];
	int64_t number;

	*ms = 0;
	if (n < 2 || n > sizeof(digits))
		return text == NULL;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)n - 1, text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == text[n - 1] &&
		    number_read(digits, &number) && number >= 0) {
			*ms = number * units[i].ms;
			return true;
		}
	return false;
}

static int
check_drop(const struct arguments *a)
{
	const char *older = a->given[ARG_OLDER_THAN];
	bool all = a->given[ARG_ALL_REFUSED] != NULL;
	int64_t ms;

	if (!all && (older != NULL || a->given[ARG_YES] != NULL))
		return usage("--older-than and --yes go with --all-refused");
	if (!read_age(older, &ms))
		return usage("--older-than %.40s: it must be a number with "
		    "s, m, h, d or w behind it", older);
	if (all && a->given[ARG_YES] == NULL && isatty(STDIN_FILENO) != 1)
		return usage("nobody is there to be asked: add --yes");
	return -1;
}

/* A person may have meant another command. */
static bool
is_sure(const struct arguments *a)
{
	const char *older = a->given[ARG_OLDER_THAN];
	char answer[8];

	if (a->given[ARG_YES] != NULL)
		return true;
	fprintf(stderr, "Remove all refused messages%s%s for good? [y/N] ",
	    older != NULL ? " older than " : "", older != NULL ? older : "");
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	    (answer[0] == 'y' || answer[0] == 'Y');
}

static enum err
do_drop(struct ctl *ctl, struct problem *p)
{
	int64_t ms;

	if (ctl->a.given[ARG_ALL_REFUSED] == NULL)
		return act_drop(ctl->s.store, ctl->a.operand[0], json(ctl),
		    p);
	if (!is_sure(&ctl->a)) {
		fputs("imconnectorctl: nothing was removed\n", stderr);
		return ERR_OK;
	}
	(void)read_age(ctl->a.given[ARG_OLDER_THAN], &ms);
	return act_drop_refused(ctl->s.store, ms, json(ctl), p);
}

static int
check_flush(const struct arguments *a)
{
	return a->operands == 0 || (a->given[ARG_PORTAL] == NULL &&
	    a->given[ARG_CONNECTOR] == NULL) ? -1 :
	    usage("it is KEY, or --portal and --connector");
}

static enum err
do_flush(struct ctl *ctl, struct problem *p)
{
	const char *given = ctl->a.given[ARG_CONNECTOR];
	char connector[256];
	struct flush f = { .member_id = ctl->a.given[ARG_PORTAL],
	    .connector = given != NULL ? connector : NULL };

	(void)snprintf(connector, sizeof(connector), "%s",
	    given != NULL ? given : "");
	for (char *c = connector; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return act_flush(ctl->s.store, &f, ctl->a.operands != 0 ?
	    ctl->a.operand[0] : NULL, json(ctl), p);
}

static enum err
do_retry(struct ctl *ctl, struct problem *p)
{
	int64_t n;
	bool more;
	enum err e = act_pass(ctl->s.relay, json(ctl), p);

	/* where only CGI runs and no event comes, a timer's pass forgets */
	if (e == ERR_OK)
		e = store_purge(ctl->s.store, &n, &more, p);
	return e == ERR_OK ? store_tidy(ctl->s.store, &n, p) : e;
}

static enum err
do_purge(struct ctl *ctl, struct problem *p)
{
	return act_purge(ctl->s.store, json(ctl), p);
}

static enum err
do_portals(struct ctl *ctl, struct problem *p)
{
	return report_portals(ctl->s.store, json(ctl), p);
}

static enum err
do_stats(struct ctl *ctl, struct problem *p)
{
	if (ctl->a.given[ARG_CHECK] == NULL)
		return report_stats(ctl->s.store, json(ctl), p);
	return health_check(ctl->s.store, ctl->s.config->status.alert_age *
	    1000, &ctl->code, p);
}

static enum err
do_status(struct ctl *ctl, struct problem *p)
{
	return status_print(ctl->s.store, ctl->s.config, json(ctl), p);
}

const struct command commands[] = {
	{
		.word = "check",
		.takes = TAKES(ARG_USER) | TAKES(ARG_JSON),
		.run = check_command,
		.brief =
		    "says what is wrong and where, and prints what is in force",
		.help = "It looks with the eyes of the handler's user at "
		    "every path, tries to\n"
		    "make what will be made, and looks up hosts for three "
		    "seconds. Nothing\n"
		    "stays behind.  An error ends with 78; with warnings only "
		    "it ends with 0.\n"
		    "Secrets, the user and the query of a URL are not shown.",
	},
	{
		.word = "queue", .second = "list",
		.takes = TAKES(ARG_ALL) | TAKES(ARG_STATE) |
		    TAKES(ARG_PORTAL) | TAKES(ARG_CHAT) | TAKES(ARG_LIMIT) |
		    TAKES(ARG_FOLLOW) | TAKES(ARG_JSON),
		.store = true, .check = check_list, .run = do_list,
		.brief =
		    "what waits or needs a person, where to and why",
		.help =
		    "Without options a line for each destination and reason.\n"
		    "Of each kind 100,000 messages or chats are looked at;\n"
		    "what is beyond is only counted.\n"
		    "With --all, --state, --portal or --chat, and as JSON:\n"
		    "the messages, in order of arrival, what is done last.\n"
		    "Of that only key, number and time are kept: --portal and\n"
		    "--chat do not find it.",
	},
	{
		.word = "queue", .second = "show", .usage = "KEY",
		.least = 1, .most = 1,
		.takes = TAKES(ARG_JSON),
		.store = true, .run = do_show,
		.brief = "all that is known of one message",
	},
	{
		.word = "queue", .second = "retry",
		.usage = "KEY | --all-refused",
		.least = 1, .most = 1,
		.takes = TAKES(ARG_ALL_REFUSED) | TAKES(ARG_JSON),
		.instead = TAKES(ARG_ALL_REFUSED),
		.store = true, .run = do_requeue,
		.brief =
		    "a refused message goes on from the step that refused it",
	},
	{
		.word = "queue", .second = "flush", .usage = "[KEY]",
		.least = 0, .most = 1,
		.takes = TAKES(ARG_PORTAL) | TAKES(ARG_CONNECTOR) |
		    TAKES(ARG_JSON),
		.store = true, .check = check_flush, .run = do_flush,
		.brief = "what waits for a time is due now",
		.help =
		    "Portals and channels that are down are probed at once;\n"
		    "portals without a token are tried once more. A running\n"
		    "handler begins within half a second, and keeps to what\n"
		    "a portal bears. With KEY: one message, or what it waits\n"
		    "for.",
	},
	{
		.word = "queue", .second = "drop",
		.usage = "KEY | --all-refused",
		.least = 1, .most = 1,
		.takes = TAKES(ARG_ALL_REFUSED) | TAKES(ARG_OLDER_THAN) |
		    TAKES(ARG_YES) | TAKES(ARG_JSON),
		.instead = TAKES(ARG_ALL_REFUSED),
		.store = true, .check = check_drop, .run = do_drop,
		.brief = "removes a message for good",
		.help =
		    "Its key goes, too: an event that repeats it is a new one."
		    "\n--all-refused asks before, on a terminal.",
	},
	{
		.word = "retry",
		.takes = TAKES(ARG_JSON),
		.store = true, .run = do_retry,
		.brief = "one pass over all messages that are due",
		.help = "For a timer, where no handler runs all the time.",
	},
	{
		.word = "purge",
		.takes = TAKES(ARG_JSON),
		.store = true, .run = do_purge,
		.brief = "removes what was acknowledged store.keep_days ago",
	},
	{
		.word = "portals",
		.takes = TAKES(ARG_JSON),
		.store = true, .run = do_portals,
		.brief = "the portals on which the application is installed",
	},
	{
		.word = "setup",
		.takes = TAKES(ARG_PORTAL) | TAKES(ARG_VERBOSE) |
		    TAKES(ARG_DRY_RUN) | TAKES(ARG_JSON),
		.store = true, .run = setup_command,
		.brief = "registers the connectors, binds the events",
		.help =
		    "On all portals, or one. The handler does it by itself\n"
		    "after an installation; it may be repeated. Ends with 69\n"
		    "where a person must act, with 75 where it may work later.",
	},
	{
		.word = "lines",
		.takes = TAKES(ARG_PORTAL) | TAKES(ARG_VERBOSE) |
		    TAKES(ARG_JSON),
		.store = true, .run = lines_command,
		.brief = "a portal's open lines, our connectors on them",
	},
	{
		.word = "activate", .usage = "LINE",
		.least = 1, .most = 1,
		.takes = TAKES(ARG_PORTAL) | TAKES(ARG_CONNECTOR) |
		    TAKES(ARG_VERBOSE) | TAKES(ARG_JSON),
		.store = true, .run = activate_command,
		.brief = "switches the connector on, on an open line",
	},
	{
		.word = "deactivate", .usage = "LINE",
		.least = 1, .most = 1,
		.takes = TAKES(ARG_PORTAL) | TAKES(ARG_CONNECTOR) |
		    TAKES(ARG_VERBOSE) | TAKES(ARG_JSON),
		.store = true, .run = deactivate_command,
		.brief = "switches it off there",
	},
	{
		.word = "doctor",
		.takes = TAKES(ARG_PORTAL) | TAKES(ARG_LINE) |
		    TAKES(ARG_USER) | TAKES(ARG_SOCKET) | TAKES(ARG_WEB_USER) |
		    TAKES(ARG_URL) | TAKES(ARG_CA_FILE) |
		    TAKES(ARG_VERBOSE) | TAKES(ARG_JSON),
		.run = doctor_command,
		.brief = "asks in order why no event comes",
		.help =
		    "A line for each question: what was asked, what is,\n"
		    "what to do. Ends with 0 if nothing is wrong (what is\n"
		    "noted may be as you meant it), else with 1. It changes\n"
		    "nothing.",
	},
	{
		.word = "send-test",
		.takes = TAKES(ARG_PORTAL) | TAKES(ARG_CONNECTOR) |
		    TAKES(ARG_LINE) | TAKES(ARG_URL) | TAKES(ARG_CA_FILE) |
		    TAKES(ARG_JSON),
		.store = true, .run = send_test_command,
		.brief = "posts a message as Bitrix24 does, with times",
		.help =
		    "Your channel really gets it: chat\n"
		    "imconnector-send-test, text \"test\"; and Bitrix24 is\n"
		    "told of it. Line 1, unless --line says which. Ends with\n"
		    "0 when it was acknowledged, with 69 when it was\n"
		    "refused, else with 75.",
	},
	{
		.word = "listen",
		.takes = TAKES(ARG_TEXTS) | TAKES(ARG_JSON),
		.store = true, .run = listen_command,
		.brief = "prints what comes, until it is interrupted",
	},
	{
		.word = "replay", .usage = "FILE...",
		.least = 1, .most = INT_MAX,
		.takes = TAKES(ARG_PORTAL) | TAKES(ARG_URL) |
		    TAKES(ARG_CA_FILE) | TAKES(ARG_JSON),
		.run = replay_command,
		.brief = "posts bodies of events that were kept in files",
		.help =
		    "A body that begins with { is sent as JSON, any other as\n"
		    "a form. Ends with 0 if all were accepted, with 69 if\n"
		    "one was refused, with 75 if one got no answer.",
	},
	{
		.word = "stats",
		.takes = TAKES(ARG_CHECK) | TAKES(ARG_JSON),
		.store = true, .run = do_stats,
		.brief = "figures of the queue",
		.help =
		    "--check is for Nagios or cron. Critical: a destination\n"
		    "is down or a message waits for longer than\n"
		    "status.alert_age, or no running handler takes it up.\n"
		    "A warning: some were refused, or are parked for want of\n"
		    "a token.",
	},
	{
		.word = "status",
		.takes = TAKES(ARG_JSON),
		.store = true, .run = do_status,
		.brief = "what flows, what waits and why, and the last errors",
		.help =
		    "What the handler's page .../status shows (README,\n"
		    "\"Watching it\"); --json prints what that page fetches.",
	},
	{
		.word = "help", .usage = "[COMMAND]",
		.least = 0, .most = 2,
		.run = do_help,
		.brief = "this text, or what there is to say of a command",
	},
	{ .word = NULL },
};
