/*
 * What the configuration refuses, with the number of the wrong line.
 *
 * Run by make check.  A case is a row: the file, and what the complaint says
 * behind the file's name.
 */
#include "config_files.h"

#include <sys/stat.h>

#define NO_EVENT " must be of: dialogstart dialogfinish statusdelete " \
	"linedelete, not "
#define NEED_LINE ": the line must be [section] or option = value"
#define NEED_TYPES ": [channel] files_types must be media types such as " \
	"image/png or image/*, not "
#define NEED_SERVERS ": [app] oauth_servers must be servers such as " \
	"a.example or a.example:8443, not "
#define NEED_ADDRESSES ": [status] allow must be addresses such as " \
	"127.0.0.1, ::1 or 10.0.0.0/8, not "
#define CONTROL ": the line has a control byte (CR alone counts)"
#define URLS "must be a whole URL, its scheme one of: "
#define CHANNEL_URLS URLS "spool http https exec null"
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10

static const struct {
	const char *text;
	const char *want;
} wrong[] = {
	/* sections */
	{ "[servers]\n", ":1: [servers] is no known section: did "
	    "you mean [server]?" },
	{ "\n[ app ]\n", ":2: [ app ] is no known section" },
	{ "[App]\n", ":1: [App] is no known section: did you mean "
	    "[app]?" },
	{ "[]\n", ":1: [] is no known section" },
	{ "[app\n", ":1: a section must be [NAME] and nothing else on its line"
	},
	{ "[app] client_id = x\n",
	    ":1: a section must be [NAME] and nothing else on its line" },
	{ "  [servers]\n", ":1: [servers] is no known section: did "
	    "you mean [server]?" },
	{ "[" X50 X50 "]", ":1: [" X10 X10 X10 X10 "...] is no known section" },
	{ "[s\xc3\xa4\x1b]\n", ":1" CONTROL },
	{ "[s\xc3\xa4]\n", ":1: [s??] is no known section" },
	/* options */
	{ "workers = 1\n", ":1: workers stands before any [section]" },
	{ "[server]\nworker = 1\n", ":2: [server] has no option worker: did "
	    "you mean workers?" },
	{ "[server]\nurl = 1\n", ":2: [server] has no option url" },
	{ "[app]\nrate = 1\n", ":2: [app] has no option rate: it belongs to "
	    "[portal]" },
	{ "[log]\nlevel = debgu\n", ":2: [log] level must be one of: error "
	    "warning info debug, not \"debgu\": did you mean debug?" },
	{ "[server]\nworkers = 4 # four\n", ":2: [server] workers must be a "
	    "number from 1 to 4096, not \"4 # four\"; a note begins with "
	    "\" ;\"" },
	{ "[app]\nca_file = '/etc/ca'\n", ":2: [app] ca_file must be an "
	    "absolute path, not \"'/etc/ca'\"; it takes no quotes" },
	{ "[server]\nWorkers = 1\n", ":2: [server] has no option Workers: "
	    "did you mean workers?" },
	{ "[connector a]\nurl=null:\nsecrets = x\n",
	    ":3: [connector a] has no option secrets: did you mean "
	    "secret?" },
	{ "[connector a]\nurl=null:\nevents = dialogstart message\n",
	    ":3: [connector a] events" NO_EVENT "\"message\"" },
	{ "[channel]\nevents = linedelete DialogStrat\n", ":2: [channel] "
	    "events \"DialogStrat\": did you mean dialogstart?" },
	{ "[channel]\nevents = OnImConnectorStatusDeleted\n", ":2: [channel] "
	    "events \"OnImConnectorStatusDeleted\": did you mean "
	    "statusdelete?" },
	{ "[channel]\nevents = onimconnector\n",
	    ":2: [channel] events" NO_EVENT "\"onimconnector\"" },
	{ "[channel]\nevents = onimconnectordialog\n",
	    ":2: [channel] events" NO_EVENT "\"onimconnectordialog\"" },
	{ "[channel]\nevents = dialogstart,dialogfinish\n", ":2: [channel] "
	    "events" NO_EVENT "\"dialogstart,dialogfinish\"" },
	{ "[channel]\nevents = dialogstart\n\tsecret = hunter2\n",
	    ":3: [channel] events" NO_EVENT "\"secret\"" },
	{ "[channel]\nsecret = x\nsecret_file = /x\n", ":3: [channel] "
	    "secret_file: only one of a secret and its _file can be given" },
	{ "[server]\n\n" X50 X50 " = 1\n",
	    ":3: [server] has no option " X10 X10 X10 X10 "..." },
	{ "[server]\n = 1\n", ":2" NEED_LINE },
	{ "[server]\nworkers\n", ":2" NEED_LINE },
	{ "[server]\nworkers ; = 1\n", ":2" NEED_LINE },
	{ "[app]\nclient_secret abc\nwrong = 1\n", ":2" NEED_LINE },
	{ "[app]\nclient_secret a:b", ":2" NEED_LINE },
	{ "[server]\nworkers = 1\nworkers = 1\n",
	    ":3: [server] workers is already given in line 2" },
	{ "[server]\nworkers = 1\n[app]\n[server]\nworkers = 2\n",
	    ":5: [server] workers is already given in line 2" },
	{ "[app]\nportals = a\n b\nportals = c\n",
	    ":4: [app] portals is already given in line 3" },
	{ "[app]\nclient_id =\nclient_id =\n",
	    ":3: [app] client_id is already given in line 2" },
	{ "[channel]\nurl=null:\n[connector a]\nurl=null:\n[channel]\nurl=x\n",
	    ":6: [channel] url is already given in line 2" },
	{ "[server]\nworkers = 1\n  body_max = 4096\n", ":3: the line is "
	    "indented, but [server] workers is no list that it could continue"
	},
	{ "[app]\nclient_secret = abc\n\tdef\n", ":3: the line is indented, "
	    "but [app] client_secret is no list that it could continue" },
	{ "[app]\nportals = a.b\n  oauth_servers = b\n", ":3: [app] portals "
	    "must be hosts such as a.example or *.example, not \"=\"" },
	{ "[app]\nportals = a\n  [app]\n", ":3: [app] portals "
	    "must be hosts such as a.example or *.example, not \"[app]\"" },
	/* values */
	{ "[server]\nworkers = abc\n", ":2: [server] workers must be a number "
	    "from 1 to 4096, not \"abc\"" },
	{ "[server]\nworkers =\n",
	    ":2: [server] workers must be a number from 1 to 4096, not \"\"" },
	{ "[server]\nworkers = 0\n",
	    ":2: [server] workers must be a number from 1 to 4096, not \"0\"" },
	{ "[server]\nworkers = 4097\n", ":2: [server] workers must be a "
	    "number from 1 to 4096, not \"4097\"" },
	{ "[server]\nworkers = +5\n",
	    ":2: [server] workers must be a number from 1 to 4096, not \"+5\""
	},
	{ "[server]\nworkers = 5s\n",
	    ":2: [server] workers must be a number from 1 to 4096, not \"5s\""
	},
	{ "[server]\nbody_timeout = 0\n", ":2: [server] body_timeout must be "
	    "a number from 1 to 3600, not \"0\"" },
	{ "[server]\nbody_timeout = 3601\n", ":2: [server] body_timeout must "
	    "be a number from 1 to 3600, not \"3601\"" },
	{ "[server]\ncalls = 1\n", ":2: [server] calls must be a number "
	    "from 2 to 65536, not \"1\"" },
	{ "[server]\ncalls = 65537\n", ":2: [server] calls must be a number "
	    "from 2 to 65536, not \"65537\"" },
	{ "[channel]\nin_flight = 0\n", ":2: [channel] in_flight must be a "
	    "number from 1 to 4096, not \"0\"" },
	{ "[connector a]\nin_flight = 4097\n", ":2: [connector a] in_flight "
	    "must be a number from 1 to 4096, not \"4097\"" },
	{ "[retry]\ngive_up_after = 99999999999999999999\n", ":2: [retry] "
	    "give_up_after must be a number from 60 to 31536000, "
	    "not \"99999999999999999999\"" },
	{ "[server]\nworkers = \xff" X50 "\n", ":2: [server] workers must be "
	    "a number from 1 to 4096, not \"?" X10 X10 X10 "xxxxxxxxx...\"" },
	{ "[app]\ninsecure_http = 1\n",
	    ":2: [app] insecure_http must be yes or no, not \"1\"" },
	{ "[log]\nlevel = loud\n", ":2: [log] level must be one of: "
	    "error warning info debug, not \"loud\"" },
	{ "[log]\nlevel = err\n", ":2: [log] level must be one of: "
	    "error warning info debug, not \"err\": did "
	    "you mean error?" },
	{ "[log]\nto =\n", ":2: [log] to must be one of: stderr syslog, "
	    "not \"\"" },
	{ "[app]\nca_file = ca.pem\n",
	    ":2: [app] ca_file must be an absolute path, not \"ca.pem\"" },
	{ "[app]\nconnectors = a b.c\n", ":2: [app] connectors must be names "
	    "of letters, digits and _, not \"b.c\"" },
	{ "[app]\nportals = a *\n", ":2: [app] portals must be hosts such as "
	    "a.example or *.example, not \"*\"" },
	{ "[app]\nportals = a.*\n", ":2: [app] portals must be hosts such as "
	    "a.example or *.example, not \"a.*\"" },
	{ "[app]\nportals = *.*.a\n", ":2: [app] portals must be hosts such "
	    "as a.example or *.example, not \"*.*.a\"" },
	{ "[app]\nportals = a:80\n", ":2: [app] portals must be hosts such as "
	    "a.example or *.example, not \"a:80\"" },
	{ "[app]\noauth_servers = a:\n", ":2" NEED_SERVERS "\"a:\"" },
	{ "[app]\noauth_servers = :80\n", ":2" NEED_SERVERS "\":80\"" },
	{ "[app]\noauth_servers = a:0\n", ":2" NEED_SERVERS "\"a:0\"" },
	{ "[status]\nalert_age = 0\n", ":2: [status] alert_age must be a "
	    "number from 1 to 2592000, not \"0\"" },
	{ "[status]\nallow = localhost\n", ":2" NEED_ADDRESSES
	    "\"localhost\"" },
	{ "[status]\nallow = 127.0.0.1 10.0.0.0/33\n", ":2" NEED_ADDRESSES
	    "\"10.0.0.0/33\"" },
	{ "[status]\nallow = ::1/129\n", ":2" NEED_ADDRESSES
	    "\"::1/129\"" },
	{ "[status]\nallow = 10.0.0.0/\n", ":2" NEED_ADDRESSES
	    "\"10.0.0.0/\"" },
	{ "[status]\nallow = 10.0.0.0/+8\n", ":2" NEED_ADDRESSES
	    "\"10.0.0.0/+8\"" },
	{ "[status]\nallow = 10.0.0.0/8/8\n", ":2" NEED_ADDRESSES
	    "\"10.0.0.0/8/8\"" },
	{ "[status]\nallow = 10.0.0\n", ":2" NEED_ADDRESSES "\"10.0.0\"" },
	{ "[app]\noauth_servers = a:080\n", ":2" NEED_SERVERS "\"a:080\"" },
	{ "[app]\noauth_servers = a:65536\n",
	    ":2" NEED_SERVERS "\"a:65536\"" },
	{ "[app]\noauth_servers = a:8x\n", ":2" NEED_SERVERS "\"a:8x\"" },
	{ "[app]\noauth_servers = ::1\n", ":2" NEED_SERVERS "\"::1\"" },
	{ "[app]\noauth_servers = https://a\n",
	    ":2" NEED_SERVERS "\"https://a\"" },
	{ "[channel]\ntext = HTML\n", ":2: [channel] text must be one of: "
	    "bbcode plain html markdown, not \"HTML\": did you mean html?" },
	{ "[connector a]\nsignature =\n", ":2: [connector a] signature must "
	    "be one of: keep split drop, not \"\"" },
	{ "[channel]\nfiles = yes\n", ":2: [channel] files must be one of: "
	    "links fetch, not \"yes\"" },
	{ "[channel]\nfiles_max = 0\n", ":2: [channel] files_max must be a "
	    "number from 1 to 1099511627776, not \"0\"" },
	{ "[channel]\nfiles_types = image/* pdf\n", ":2" NEED_TYPES
	    "\"pdf\"" },
	{ "[channel]\nfiles_types = /a\n", ":2" NEED_TYPES "\"/a\"" },
	{ "[channel]\nfiles_types = a/\n", ":2" NEED_TYPES "\"a/\"" },
	{ "[channel]\nfiles_types = a/b/c\n", ":2" NEED_TYPES "\"a/b/c\"" },
	{ "[channel]\nfiles_types = a/b;c\n", ":2" NEED_TYPES "\"a/b;c\"" },
	/* URLs */
	{ "[channel]\nurl =\n", ":2: [channel] url " CHANNEL_URLS },
	{ "[channel]\nurl = spool\n", ":2: [channel] url " CHANNEL_URLS },
	{ "[channel]\nurl = spool:\n", ":2: [channel] url needs an "
	    "absolute path, as in spool:/var/spool/imconnector" },
	{ "[channel]\nurl = spo:/x\n", ":2: [channel] url " CHANNEL_URLS },
	{ "[channel]\nurl = smtp:/x\n", ":2: [channel] url " CHANNEL_URLS },
	{ "[channel]\nurl = http:x\n", ":2: [channel] url " CHANNEL_URLS },
	{ "[channel]\nurl = https://\n", ":2: [channel] url " CHANNEL_URLS },
	{ "[channel]\nurl = https:///a\n", ":2: [channel] url " CHANNEL_URLS },
	{ "[channel]\nurl = http://a b\n", ":2: [channel] url " CHANNEL_URLS },
	{ "[store]\nurl = spool:/x\n", ":2: [store] url " URLS "sqlite" },
	{ "[store]\nurl =\n", ":2: [store] url " URLS "sqlite" },
	{ "[app]\nclient_endpoint = ftp://u:p@x\n",
	    ":2: [app] client_endpoint " URLS "https http" },
	/* connectors */
	{ "[connector]\n", ":1: [connector] must be [connector NAME] or "
	    "[connector NAME/LINE], NAME of letters, digits and _" },
	{ "[connector a.b]\n", ":1: [connector a.b] must be [connector NAME] "
	    "or [connector NAME/LINE], NAME of letters, digits and _" },
	{ "[connector a/0]\n", ":1: [connector a/0] the line must be a number "
	    "from 1 to 2^63-1" },
	{ "[connector a/]\n", ":1: [connector a/] the line must be a number "
	    "from 1 to 2^63-1" },
	{ "[connector a/9223372036854775808]\n", ":1: [connector "
	    "a/9223372036854775808] the line must be a number from 1 to "
	    "2^63-1" },
	{ "[connector a/b]\n", ":1: [connector a/b] the line must be a number "
	    "from 1 to 2^63-1" },
	{ "[connector a]\n", ":1: [connector a] needs url, or a name "
	    "to be registered by" },
	{ "\n[connector a]\ntimeout = 3\n\n[app]\n",
	    ":2: [connector a] needs url, or a name to be registered by" },
	{ "[connector a]\nurl=null:\n[connector b]\nurl=null:\n[connector A]",
	    ":5: [connector A] is there twice" },
	{ "[connector a/1]\nurl=null:\n[connector  a/1]\n",
	    ":3: [connector  a/1] is there twice" },
	{ "[connector a]\nurl=null:\nurl=null:\n",
	    ":3: [connector a] url is already given in line 2" },
	/* across options */
	{ "[retry]\nfirst = 20\nlongest = 10\n",
	    ":3: [retry] longest must not be less than first" },
	{ "[retry]\nfirst = 601\n",
	    ":2: [retry] longest must not be less than first" },
	{ "\n[retry]\nlongest = 1\n",
	    ":3: [retry] longest must not be less than first" },
	/* lines */
	{ "\n\n" X50 X50 X50 X10 X10 X10 X10 "xxxxxxxxx",
	    ":3: the line is longer than 198 bytes" },
	{ ";" X50 X50 X50 X50 X50 "\n",
	    ":1: the line is longer than 198 bytes" },
	{ "[app]\n;a\rb\n", ":2" CONTROL },
	{ "[app]\nclient_id = a\r\r\n", ":2" CONTROL },
	{ "[app]\nclient_id = \x7f\n", ":2" CONTROL },
	{ "[app]\nclient_id = \x1b[m\n", ":2" CONTROL },
	{ "[app]\nclient_id = a\vb\n", ":2" CONTROL },
};

static void
test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		refused(write_file("conf", wrong[i].text), wrong[i].want);
}

/* One bad line anywhere in a file is found, and the first one counts. */
static void
test_first_counts(void **state)
{
	char text[512], want[64];

	(void)state;
	for (int bad = 1; bad <= 9; bad++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "[app]\n");

		for (int i = 1; i < bad; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    i % 2 ? "; comment\n" : "\n");
		(void)snprintf(text + n, sizeof(text) - n,
		    "x%d = 1\nnonsense\n[also]\n", bad);
		(void)snprintf(want, sizeof(want), ":%d: [app] has no option "
		    "x%d", bad + 1, bad);
		refused(write_file("conf", text), want);
	}
}

/* No complaint repeats a secret, whatever is wrong with its line. */
static void
test_no_secret_shown(void **state)
{
	static const char *const texts[] = {
		"application_token = hunter2\napplication_token = hunter2\n",
		"client_secret = x\n  hunter2\n",
		"client_secret_file = hunter2\n",
		"client_secret_file = /nowhere/hunter2\n",
		"portals = a.example\n client_secret=hunter2\n",
		"portals = a.example\n client_secret:hunter2\n",
		"portals = a.example\n client_secret = hunter2\n",
		"portals =\n =hunter2\n",
		"client_secret hunter2\n",
		"client_secret hunter2=\n",
		"client_secret = hunter2\x1b\n",
		"client_endpoint = ftp://u:hunter2@x/\n",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct problem p = { 0 };
		struct config *c;

		(void)snprintf(text, sizeof(text), "[app]\n%s", texts[i]);
		assert_int_equal(config_load(&c, write_file("conf", text),
		    &p), ERR_CONFIG);
		assert_null(strstr(p.text, "hunter2"));
	}
}

#define UNREADABLE ":2: [app] client_secret_file cannot be read: "

static void
test_secret_file_wrong(void **state)
{
	char want[256];

	(void)state;
	(void)write_file("secret", "\n");
	refused(with_secret_file("client_secret_file", ""),
	    UNREADABLE "it is empty");
	(void)write_file("secret", "");
	refused(with_secret_file("client_secret_file", ""),
	    UNREADABLE "it is empty");
	(void)write_bytes("secret", "a\0b", 3);
	refused(with_secret_file("client_secret_file", ""),
	    UNREADABLE "it has a NUL byte");
	(void)write_file("secret", "abc");
	refused(with_secret_file("client_secret_file", "client_secret = x\n"),
	    ":3: [app] client_secret: only one of a secret and its _file "
	    "can be given");
	refused(with_secret_file("application_token = y\n"
	    "application_token_file", ""), ":3: [app] application_token_file: "
	    "only one of a secret and its _file can be given");
	assert_int_equal(unlink(in_folder("secret")), 0);
	(void)snprintf(want, sizeof(want), UNREADABLE "No such file or "
	    "directory: %s", in_folder("secret"));
	refused(with_secret_file("client_secret_file", ""), want);
	assert_int_equal(mkdir(in_folder("secret"), 0700), 0);
	refused(with_secret_file("client_secret_file", ""),
	    UNREADABLE "it is not a regular file");
	assert_int_equal(rmdir(in_folder("secret")), 0);
}

static void
test_kind_of_file(void **state)
{
	static char big[(1 << 20) + 1];

	(void)state;
	refused(in_folder("none"),
	    ": cannot be read: No such file or directory");
	refused(folder, ": cannot be read: it is not a regular file");
	refused("/dev/null", ": cannot be read: it is not a regular file");
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	refused(in_folder("fifo"),
	    ": cannot be read: it is not a regular file");
	memset(big, '\n', sizeof(big));
	refused(write_bytes("big", big, sizeof(big)),
	    ": cannot be read: it is too large");
	config_free(load_file(write_bytes("big", big, sizeof(big) - 1)));
	refused(write_bytes("nul", "[app]\nclient_id = a\0b\n", 22),
	    ":2: the line has a control byte (CR alone counts)");
	assert_int_equal(setenv(CONFIG_ENV, in_folder("none"), 1), 0);
	refused(config_path(NULL),
	    ": cannot be read: No such file or directory");
	assert_int_equal(unsetenv(CONFIG_ENV), 0);
}

/* A path of any length leaves room for the reason. */
static void
test_long_path(void **state)
{
	char path[4096];
	struct problem p = { 0 };
	struct config *c;

	(void)state;
	memset(path, '/', 300);
	(void)snprintf(path + 300, sizeof(path) - 300, "%s",
	    write_file("conf", "[nope]"));
	assert_int_equal(config_load(&c, path, &p), ERR_CONFIG);
	assert_non_null(strstr(p.text, "conf:1: [nope] is no known section"));
}

/* Every prefix of a file that uses everything loads or is refused. */
static void
test_prefixes(void **state)
{
	static const char text[] = "\xef\xbb\xbf[app]\nportals = a b ; c\n"
	    "\t[::1]\nconnectors =\n a\nclient_id: x\r\n[connector a/7]\n"
	    "url = null:\n timeout = 1\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct problem p = { 0 };
		struct config *c;
		enum err e = config_load(&c, write_bytes("conf", text, n), &p);

		assert_true(e == ERR_OK || e == ERR_CONFIG);
		assert_int_equal(e, p.err);
		config_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_first_counts),
		cmocka_unit_test(test_no_secret_shown),
		cmocka_unit_test(test_secret_file_wrong),
		cmocka_unit_test(test_kind_of_file),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_prefixes),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
