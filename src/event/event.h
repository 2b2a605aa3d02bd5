#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include "base/arena.h"
#include "base/err.h"
#include "event/kind.h"

#define EVENT_MESSAGES_MAX 16384	/* elements in one event */

/* One element of data.MESSAGES (old portals: data.DATA), complete. */
struct message {
	int64_t index;		/* as the sender numbered it */
	size_t seq;		/* as it arrived, set by event_keep() */
	bool of_data;		/* stood in data.DATA */
	int64_t chat_id;	/* im.chat_id */
	int64_t message_id;	/* im.message_id */
	const char *chat;	/* chat.id */
	const char *own_id;	/* message.id as JSON, or "" */
	const char *body;	/* the object's inner part (event/render.h), */
	size_t body_len;	/* or of a bad element its whole JSON */
	const char *whole;	/* of one in data.DATA its whole JSON */
	size_t whole_len;
	const char *bad;	/* NULL, or the field that makes it useless */
};

/*
 * What Bitrix24 posts when it opens a page: AUTH_ID and so on; or what the
 * page's own form posts.  Who it is from stands in the event's own fields once
 * event_check() ran.
 */
struct event_page {
	char *auth_id;			/* access token of who opens it */
	char *refresh_id;
	char *server_endpoint;
	char *application_token;	/* of newer portals */
	char *member_id;
	char *placement;		/* DEFAULT, SETTING_CONNECTOR, ... */
	char *options;			/* PLACEMENT_OPTIONS: a JSON text */
	/* of a form on a page of ours, instead of AUTH_ID */
	char *form;			/* portal/ticket.h */
	char *act;			/* what is wanted */
};

/*
 * An event as it was read.  Texts are NULL where they were missing; all of
 * them, and the messages, live in the event's own arena.
 */
struct event {
	struct arena arena;
	char *name;		/* in upper case once event_check() ran */
	char *ts_text;
	char *connector;	/* data.CONNECTOR */
	char *line_text;	/* data.LINE */
	char *small_connector;	/* data.connector */
	char *small_line_text;	/* data.line */
	char *data_text;	/* data, where it is a short text itself */
	char *application_token;
	char *access_token;
	char *member_id;
	char *domain;
	char *client_endpoint;
	char *server_endpoint;
	char *refresh_token;
	struct event_page page;
	char *own_url;		/* where it arrived; set by web/ if it is an */
				/* installation or a page */
	struct message *message;
	size_t messages;
	size_t messages_cap;
	/* set by event_check() */
	enum event_kind kind;
	int64_t line;
	int64_t ts;		/* -1: absent or useless */
};

/* Makes an empty event that may hold `max` bytes. */
void event_init(struct event *, size_t max);

/*
 * Keeps a copy of a message; the per-message callback of the grammar.
 * `ctx` is the event.  ERR_TOOBIG past EVENT_MESSAGES_MAX or the size,
 * ERR_NOMEM.
 */
enum err event_keep(void *ctx, const struct message *);

/*
 * Whether it is, by its name, an installation of the application or an update
 * of it, or a page.  Before event_check().
 */
bool event_is_of_app(const struct event *);

/*
 * Looks at what is authentic: which event it is, and whether its envelope
 * can be used.  Of MESSAGES and DATA it keeps the right one.  An event of
 * kind without messages is always OK.  ERR_UNUSABLE names the field.  Messages
 * are put in the order in which they must be handed over.  What is no message
 * becomes one: a dialog, with its whole JSON as "data"; the end of a line,
 * with nothing inside (its connector is left open where it has none).
 * ERR_TOOBIG.
 */
enum err event_check(struct event *, struct problem *);

/* Frees all; the event is empty and usable again. */
void event_free(struct event *);

#endif
