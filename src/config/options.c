/*
 * The one table of options: what exists, of which type, where it is kept,
 * within which range, and what holds when nobody sets it.
 *
 * Read by the parser, the defaults, the printer and the free of config*.c.
 * Owns nothing and cannot fail.  A new option is a row here, a field in
 * config.h and CONFIG_OPTIONS one higher.
 */
#include "config/private.h"

#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(struct config, field)
#define CHANNEL_AT(field) offsetof(struct config_channel, field)
#define FLAG(name, value) { "connector", #name, OPT_BOOL, \
	CHANNEL_AT(as.name), 0, 0, value, NULL }

/* Every zone in which the vendor sells portals. */
#define CLOUD "*.bitrix24.com *.bitrix24.eu *.bitrix24.de *.bitrix24.es " \
	"*.bitrix24.fr *.bitrix24.it *.bitrix24.pl *.bitrix24.in " \
	"*.bitrix24.cn *.bitrix24.jp *.bitrix24.vn *.bitrix24.id " \
	"*.bitrix24.com.br *.bitrix24.com.tr *.bitrix24.ru *.bitrix24.ua " \
	"*.bitrix24.by *.bitrix24.kz"
#define OAUTH "oauth.bitrix.info oauth.bitrix24.tech"

/* The words' places are the values of the enums in base/log.h. */
#define LEVELS "error warning info debug"
#define TARGETS "stderr syslog"
_Static_assert(LOG_LEVEL_ERROR == 0 && LOG_LEVEL_WARNING == 1 &&
    LOG_LEVEL_INFO == 2 && LOG_LEVEL_DEBUG == 3, "LEVELS");
_Static_assert(LOG_TO_STDERR == 0 && LOG_TO_SYSLOG == 1, "TARGETS");
#define TEXTS "bbcode plain html markdown"
#define SIGNATURES "keep split drop"
#define FILES "links fetch"
_Static_assert(TEXT_BBCODE == 0 && TEXT_PLAIN == 1 && TEXT_HTML == 2 &&
    TEXT_MARKDOWN == 3, "TEXTS");
_Static_assert(SIGNATURE_KEEP == 0 && SIGNATURE_SPLIT == 1 &&
    SIGNATURE_DROP == 2, "SIGNATURES");
_Static_assert(FILES_LINKS == 0 && FILES_FETCH == 1, "FILES");
_Static_assert(sizeof(enum log_level) == sizeof(int) &&
    sizeof(enum log_target) == sizeof(int), "OPT_WORD keeps an int");

/* Their places are the bits of enum config_events. */
#define EVENTS "dialogstart dialogfinish statusdelete linedelete"
_Static_assert(CONFIG_DIALOGSTART == 1 << 0 && CONFIG_DIALOGFINISH == 1 << 1 &&
    CONFIG_STATUSDELETE == 1 << 2 && CONFIG_LINEDELETE == 1 << 3, "EVENTS");

/* Rows of a section stand together: the printer goes straight down. */
const struct option config_options[] = {
	{ "app", "application_token", OPT_SECRET,
	    AT(app.application_token), 0, 0, "", NULL },
	{ "app", "application_token_file", OPT_SECRET_FILE,
	    AT(app.application_token), 0, 0, NULL, NULL },
	{ "app", "client_id", OPT_TEXT, AT(app.client_id), 0, 0, "", NULL },
	{ "app", "client_secret", OPT_SECRET,
	    AT(app.client_secret), 0, 0, "", NULL },
	{ "app", "client_secret_file", OPT_SECRET_FILE,
	    AT(app.client_secret), 0, 0, NULL, NULL },
	{ "app", "client_endpoint", OPT_URL,
	    AT(app.client_endpoint), 0, 0, "", "https http" },
	{ "app", "portals", OPT_HOSTS, AT(app.portals), 0, 0, CLOUD, NULL },
	{ "app", "oauth_servers", OPT_SERVERS,
	    AT(app.oauth_servers), 0, 0, OAUTH, NULL },
	{ "app", "connectors", OPT_NAMES, AT(app.connectors), 0, 0, "", NULL },
	{ "app", "handler_url", OPT_URL,
	    AT(app.handler_url), 0, 0, "", "https http" },
	{ "app", "insecure_http", OPT_BOOL,
	    AT(app.insecure_http), 0, 0, "no", NULL },
	{ "app", "ca_file", OPT_PATH, AT(app.ca_file), 0, 0, "", NULL },

	{ "server", "workers", OPT_INT, AT(server.workers), 1, 4096, "4",
	    NULL },
	{ "server", "body_timeout", OPT_INT,
	    AT(server.body_timeout), 1, 3600, "30", NULL },
	{ "server", "calls", OPT_INT, AT(server.calls), 2, 65536, "512",
	    NULL },
	{ "server", "body_max", OPT_INT,
	    AT(server.body_max), 1024, 1 << 30, "1048576", NULL },
	{ "server", "answer_within", OPT_INT,
	    AT(server.answer_within), 1, 600, "5", NULL },

	{ "store", "url", OPT_URL, AT(store.url), 1, 0,
	    "sqlite:/var/lib/imconnector/queue.db", "sqlite" },
	{ "store", "keep_days", OPT_INT, AT(store.keep_days), 1, 3650, "7",
	    NULL },

	{ "channel", "url", OPT_URL, CHANNEL_AT(url), 1, 0,
	    "spool:/var/spool/imconnector", "spool http https exec null" },
	{ "channel", "timeout", OPT_INT, CHANNEL_AT(timeout), 1, 3600, "30",
	    NULL },
	{ "channel", "in_flight", OPT_INT,
	    CHANNEL_AT(in_flight), 1, 4096, "32", NULL },
	{ "channel", "secret", OPT_SECRET,
	    CHANNEL_AT(secret), 0, 0, "", NULL },
	{ "channel", "secret_file", OPT_SECRET_FILE,
	    CHANNEL_AT(secret), 0, 0, NULL, NULL },
	{ "channel", "secret_previous", OPT_SECRET,
	    CHANNEL_AT(secret_previous), 0, 0, "", NULL },
	{ "channel", "secret_previous_file", OPT_SECRET_FILE,
	    CHANNEL_AT(secret_previous), 0, 0, NULL, NULL },
	{ "channel", "events", OPT_EVENTS, CHANNEL_AT(events), 0, 0, "",
	    EVENTS },
	{ "channel", "text", OPT_WORD, CHANNEL_AT(text), 0, 0, "bbcode",
	    TEXTS },
	{ "channel", "signature", OPT_WORD, CHANNEL_AT(signature), 0, 0,
	    "keep", SIGNATURES },
	{ "channel", "files", OPT_WORD, CHANNEL_AT(files), 0, 0, "links",
	    FILES },
	{ "channel", "files_max", OPT_INT,
	    CHANNEL_AT(files_max), 1, INT64_C(1) << 40, "20971520", NULL },
	{ "channel", "files_types", OPT_TYPES, CHANNEL_AT(files_types), 0, 0,
	    "", NULL },

	{ "connector", "name", OPT_TEXT, CHANNEL_AT(as.name), 0, 100, "",
	    NULL },
	{ "connector", "icon_file", OPT_FILE, CHANNEL_AT(as.icon), 0, 0, "",
	    NULL },
	{ "connector", "color", OPT_COLOR, CHANNEL_AT(as.color), 0, 0,
	    "#2fc6f6", NULL },
	FLAG(del_external_messages, "yes"),
	FLAG(edit_internal_messages, "yes"),
	FLAG(del_internal_messages, "yes"),
	FLAG(newsletter, "yes"),
	FLAG(need_system_messages, "yes"),
	FLAG(need_signature, "yes"),
	FLAG(chat_group, "no"),
	{ "connector", "comment", OPT_TEXT, CHANNEL_AT(as.comment), 0, 0, "",
	    NULL },

	{ "retry", "first", OPT_INT, AT(retry.first), 1, 3600, "2", NULL },
	{ "retry", "longest", OPT_INT, AT(retry.longest), 1, 86400, "600",
	    NULL },
	{ "retry", "give_up_after", OPT_INT,
	    AT(retry.give_up_after), 60, 365 * 86400, "86400", NULL },

	{ "portal", "burst", OPT_INT, AT(portal.burst), 1, 1000000, "50",
	    NULL },
	{ "portal", "rate", OPT_INT, AT(portal.rate), 1, 1000000, "2", NULL },
	{ "portal", "calls_in_flight", OPT_INT,
	    AT(portal.calls_in_flight), 1, 64, "2", NULL },
	{ "portal", "status_batch", OPT_INT,
	    AT(portal.status_batch), 1, 1000, "100", NULL },
	{ "portal", "timeout", OPT_INT, AT(portal.timeout), 1, 3600, "65",
	    NULL },
	{ "portal", "proxy", OPT_PROXY, AT(portal.proxy), 0, 0, "",
	    NULL },

	{ "status", "alert_age", OPT_INT, AT(status.alert_age), 1,
	    30 * 86400, "300", NULL },
	{ "status", "allow", OPT_ADDRESSES, AT(status.allow), 0, 0, "",
	    NULL },

	{ "log", "level", OPT_WORD, AT(log.level), 0, 0, "info", LEVELS },
	{ "log", "to", OPT_WORD, AT(log.to), 0, 0, "stderr", TARGETS },
};

bool
config_option_is_list(const struct option *o)
{
	return o->type == OPT_HOSTS || o->type == OPT_SERVERS ||
	    o->type == OPT_NAMES || o->type == OPT_EVENTS ||
	    o->type == OPT_ADDRESSES || o->type == OPT_TYPES;
}

bool
config_option_is_channel(const struct option *o)
{
	return strcmp(o->section, "channel") == 0 ||
	    config_option_is_connector(o);
}

bool
config_option_is_connector(const struct option *o)
{
	return strcmp(o->section, "connector") == 0;
}
