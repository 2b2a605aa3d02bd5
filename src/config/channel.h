#ifndef CONFIG_CHANNEL_H
#define CONFIG_CHANNEL_H

#include "base/err.h"

/* What [channel] and the sections [connector ...] say; for config.h. */

/* Words separated by blanks in the file.  Never NULL inside. */
struct config_list {
	char **item;
	size_t n;
};

/* Events beside messages that a channel can ask for: bits of `events`. */
enum config_events {
	CONFIG_DIALOGSTART = 1 << 0,
	CONFIG_DIALOGFINISH = 1 << 1,
	CONFIG_STATUSDELETE = 1 << 2,
	CONFIG_LINEDELETE = 1 << 3
};

/* The words' places in the table of options; -1 while a section is read: as
 * in [channel]. */
enum config_text { TEXT_BBCODE, TEXT_PLAIN, TEXT_HTML, TEXT_MARKDOWN };
enum config_signature { SIGNATURE_KEEP, SIGNATURE_SPLIT, SIGNATURE_DROP };
enum config_files { FILES_LINKS, FILES_FETCH };

/* A file's path and, read with the configuration, its content. */
struct config_file {
	char *path;
	char *text;
};

/* How a connector is registered in Bitrix24 (imconnector.register). */
struct config_connector {
	char *name;		/* "": it is not registered by us */
	struct config_file icon;	/* an SVG; "": the embedded one */
	char *color;		/* #rrggbb */
	bool del_external_messages;
	bool edit_internal_messages;
	bool del_internal_messages;
	bool newsletter;
	bool need_system_messages;
	bool need_signature;
	bool chat_group;
	char *comment;
};

/* Where the messages of one connector, or of one of its lines, go. */
struct config_channel {
	char *connector;	/* "" in [channel], the default */
	int64_t line;		/* 0: every line of the connector */
	char *url;
	int64_t timeout;	/* seconds */
	int64_t in_flight;	/* hand-overs at the same time */
	char *secret;		/* signs them; secret; and beside it, while */
	char *secret_previous;	/* it is being changed, that of before */
	int64_t events;		/* enum config_events */
	/* what its objects are like */
	int text;		/* enum config_text */
	int signature;		/* enum config_signature */
	int files;		/* enum config_files */
	int64_t files_max;	/* bytes of one */
	struct config_list files_types;	/* media types; empty: all */
	struct config_connector as;	/* of [connector ID] alone */
};

#endif
