#ifndef EVENT_KIND_H
#define EVENT_KIND_H

#include <stdbool.h>
#include <stdint.h>

enum event_kind {
	EVENT_OTHER,
	EVENT_ADD,
	EVENT_UPDATE,
	EVENT_DELETE,
	EVENT_DIALOG_START,
	EVENT_DIALOG_FINISH,
	EVENT_STATUS_DELETE,
	EVENT_LINE_DELETE,
	EVENT_INSTALL,
	EVENT_UNINSTALL,
	EVENT_APP_UPDATE,
	EVENT_PAGE		/* none: Bitrix24 opens a page of the app */
};

/* Where an event's messages are, and how its line is named. */
enum event_shape {
	SHAPE_NONE,		/* it has none: it is no channel's */
	SHAPE_MESSAGES,		/* data.MESSAGES */
	SHAPE_MESSAGES_OR_DATA,	/* as old portals say it */
	SHAPE_DIALOGS,		/* data.DATA, of dialogs */
	SHAPE_CONNECTOR,	/* data.connector, data.line: one, of itself */
	SHAPE_LINE		/* data is the line: one for each connector */
};

enum event_identity {
	ONE_BY_IDS,		/* im.chat_id and im.message_id */
	ONE_BY_OWN_ID,		/* and message.id */
	ONE_BY_CONTENT		/* all of it, and its time */
};

/* All that differs between events. */
struct event_traits {
	const char *name;	/* in upper case */
	enum event_shape shape;
	enum event_identity identity;
	bool revises;		/* a new content is a new revision */
	bool status;		/* Bitrix24 waits for a delivery status */
	bool ends_line;		/* nothing comes from its line any more */
	int64_t asked;		/* of enum config_events: only channels that */
				/* ask get it; 0: all do */
};

const struct event_traits *event_traits(enum event_kind);

/* By its name in upper case; EVENT_OTHER for any that is not known. */
enum event_kind event_kind_of(const char *name);

#endif
