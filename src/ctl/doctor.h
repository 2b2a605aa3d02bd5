#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "ctl/command.h"
#include "ctl/portal_call.h"
#include "store/portals.h"

#include <stdint.h>

/*
 * The command doctor: what users ask first when no event comes, in that
 * order.  ctl->code is 1 if something is wrong, else 0.
 */
enum err doctor_command(struct ctl *, struct problem *);

/* ---- private to ctl/doctor*.c */

enum finding_level {
	FINDING_OK,
	FINDING_NOTE,		/* it works, but may not be what was meant */
	FINDING_WRONG,
	FINDING_NOT_ASKED	/* it hangs on something that is wrong */
};

/* What a question needs, and what is known by then: bits of `has`. */
#define HAS_CONFIG	(1u << 0)
#define HAS_STORE	(1u << 1)
#define HAS_SOCKET	(1u << 2)
#define HAS_PORTAL	(1u << 3)
#define HAS_URL		(1u << 4)
#define HAS_TOKEN	(1u << 5)
#define HAS_HANDLER	(1u << 6)
#define HAS_ANSWER	(1u << 7)	/* of the portal, with its time */

#define DOCTOR_PATH_MAX 108	/* of a Unix socket, with the NUL */

/* The handler's socket, as who started this sees it. */
struct doctor_socket {
	bool known;		/* somebody says that there is one: */
	char path[DOCTOR_PATH_MAX];
	int error;		/* of looking at it, or 0 */
	bool is_socket;		/* if so: */
	int refused;		/* the errno of connecting, or 0 */
	const char *user;	/* the web server's */
	bool has_user;
	char by[DOCTOR_PATH_MAX];	/* what keeps that user out, or "" */
};

struct doctor {
	struct ctl *ctl;
	const struct question *at;
	bool any, wrong;	/* something was said; something is wrong */
	unsigned has;
	struct arena arena;	/* of all texts below */
	struct doctor_socket socket;
	struct portal portal;
	const char *url;	/* the handler's */
	struct portal_list connectors;	/* ours, in lower case */
	bool installed;		/* as app.info says */
	int64_t ahead_s;	/* our clock is ahead of the portal's */
};

struct question {
	const char *name;	/* for programs */
	const char *asks;	/* for people */
	unsigned needs;		/* bits of `has` */
	void (*ask)(struct doctor *);	/* says at least one finding */
};

/* Says what is, and (NULL: nothing) what to do. */
void doctor_say(struct doctor *, enum finding_level, const char *todo,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* doctor_local.c: what can be seen here. */
void ask_configuration(struct doctor *);
void ask_store(struct doctor *);
void ask_events_seen(struct doctor *);
void ask_waiting(struct doctor *);

/* doctor_socket.c; it is looked at first. */
void doctor_look_at_socket(struct doctor *);
void ask_socket(struct doctor *);
void ask_listener(struct doctor *);
void ask_web_user(struct doctor *);

/* doctor_portal.c: the installation. */
void ask_portal(struct doctor *);
void ask_url(struct doctor *);
void ask_set_up(struct doctor *);
void ask_token(struct doctor *);
void ask_clock(struct doctor *);
void ask_installed(struct doctor *);
void ask_scopes(struct doctor *);

/* doctor_bound.c: the connector and its events. */
void ask_connectors(struct doctor *);
void ask_bindings(struct doctor *);
void ask_lines(struct doctor *);

/* doctor_web.c: the way from outside. */
void ask_reachable(struct doctor *);
void ask_test_event(struct doctor *);

/*
 * A call to the portal, to its end; what its answer says of the time is kept.
 * What is not METHOD_OK has been said.  method_free() must follow.
 */
bool doctor_calls(struct doctor *, struct method_call *);

#endif
