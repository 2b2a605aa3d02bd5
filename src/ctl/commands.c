/*
 * The commands, one row each, and the functions that the rows name.
 *
 * Called by imconnectorctl.  Owns nothing.
 */
#include "ctl/act.h"
#include "ctl/check.h"
#include "ctl/command.h"
#include "ctl/portal_act.h"
#include "ctl/queue.h"
#include "ctl/report.h"
#include "store/admin.h"

#include <string.h>

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

static enum err
do_list(struct ctl *ctl, struct problem *p)
{
	const struct filter f = {
		.state = state_given(ctl->a.given[ARG_STATE]),
		.member_id = ctl->a.given[ARG_PORTAL],
		.chat = ctl->a.given[ARG_CHAT],
	};

	return queue_list(ctl->s.store, &f, json(ctl), p);
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

static enum err
do_drop(struct ctl *ctl, struct problem *p)
{
	return act_drop(ctl->s.store, ctl->a.operand[0], json(ctl), p);
}

static enum err
do_retry(struct ctl *ctl, struct problem *p)
{
	int64_t n;
	bool more;
	enum err e = act_pass(ctl->s.relay, json(ctl), p);

	/* where only CGI runs and no event comes, a timer's pass forgets */
	return e == ERR_OK ? store_purge(ctl->s.store, &n, &more, p) : e;
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
	return report_stats(ctl->s.store, json(ctl), p);
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
		.takes = TAKES(ARG_STATE) | TAKES(ARG_PORTAL) |
		    TAKES(ARG_CHAT) | TAKES(ARG_JSON),
		.store = true, .run = do_list,
		.brief =
		    "the messages, in order of arrival; what is done, last",
		.help =
		    "Of what is acknowledged only key, number and time are\n"
		    "kept: --portal and --chat do not find it.",
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
		.word = "queue", .second = "drop", .usage = "KEY",
		.least = 1, .most = 1,
		.takes = TAKES(ARG_JSON),
		.store = true, .run = do_drop,
		.brief = "removes a message for good",
		.help =
		    "Its key goes, too: an event that repeats it is a new one.",
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
		.word = "stats",
		.takes = TAKES(ARG_JSON),
		.store = true, .run = do_stats,
		.brief = "figures of the queue",
	},
	{
		.word = "help", .usage = "[COMMAND]",
		.least = 0, .most = 2,
		.run = do_help,
		.brief = "this text, or what there is to say of a command",
	},
	{ .word = NULL },
};
