/*
 * The kinds of events: one table.
 *
 * Asked by whoever treats them differently.  Owns nothing; cannot fail.
 */
#include "event/kind.h"

#include "config/config.h"

#include <stddef.h>
#include <string.h>

static const struct event_traits kinds[] = {
	[EVENT_OTHER] = { .name = "", .status = true },
	[EVENT_ADD] = { .name = "ONIMCONNECTORMESSAGEADD",
	    .shape = SHAPE_MESSAGES, .status = true },
	[EVENT_UPDATE] = { .name = "ONIMCONNECTORMESSAGEUPDATE",
	    .shape = SHAPE_MESSAGES, .revises = true, .status = true },
	[EVENT_DELETE] = { .name = "ONIMCONNECTORMESSAGEDELETE",
	    .shape = SHAPE_MESSAGES_OR_DATA, .identity = ONE_BY_OWN_ID },
	[EVENT_DIALOG_START] = { .name = "ONIMCONNECTORDIALOGSTART",
	    .shape = SHAPE_DIALOGS, .identity = ONE_BY_CONTENT,
	    .asked = CONFIG_DIALOGSTART },
	[EVENT_DIALOG_FINISH] = { .name = "ONIMCONNECTORDIALOGFINISH",
	    .shape = SHAPE_DIALOGS, .identity = ONE_BY_CONTENT,
	    .asked = CONFIG_DIALOGFINISH },
	[EVENT_STATUS_DELETE] = { .name = "ONIMCONNECTORSTATUSDELETE",
	    .shape = SHAPE_CONNECTOR, .identity = ONE_BY_CONTENT,
	    .ends_line = true, .asked = CONFIG_STATUSDELETE },
	[EVENT_LINE_DELETE] = { .name = "ONIMCONNECTORLINEDELETE",
	    .shape = SHAPE_LINE, .identity = ONE_BY_CONTENT,
	    .ends_line = true, .asked = CONFIG_LINEDELETE },
	[EVENT_INSTALL] = { .name = "ONAPPINSTALL" },
	[EVENT_UNINSTALL] = { .name = "ONAPPUNINSTALL" },
	[EVENT_APP_UPDATE] = { .name = "ONAPPUPDATE" },
	[EVENT_PAGE] = { .name = NULL },
};

const struct event_traits *
event_traits(enum event_kind kind)
{
	return &kinds[kind];
}

enum event_kind
event_kind_of(const char *name)
{
	for (size_t i = 1; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].name != NULL && strcmp(kinds[i].name, name) == 0)
			return (enum event_kind)i;
	return EVENT_OTHER;
}
