/*
 * floor: the least that a FastCGI handler in C can cost.
 *
 *	floor CA-FILE [STORE]
 *
 * Started with a listening socket on descriptor 0.  Each of 64 threads reads
 * the body and throws it away, calls the URL in the query string with a canned
 * delivery status on its own kept curl handle, and answers 200.
 *
 * With a STORE, which has the handler's schema, there is one thread, and two
 * synced transactions come before the call: the message is put into the queue
 * and among what was seen; it leaves the queue.  Other processes may use the
 * same STORE; they take turns at a lock, as the handler's do.  It parses
 * nothing and proves nothing: no handler can be like it, but none can be
 * faster.
 */
#include "common.h"

#include <curl/curl.h>
#include <fcgiapp.h>
#include <sqlite3.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#define THREADS 64
#define BODY "{\"im\":{\"chat_id\":100000000001,\"message_id\":" \
	"100000000001},\"message\":{\"user_id\":27,\"text\":\"[b]Samantha" \
	" Johnson:[/b] [br]Good afternoon, how can I help you?\"},\"chat\":" \
	"{\"id\":\"channel-100000000001\"}}"
#define STATUS "{\"CONNECTOR\":\"myconnector\",\"LINE\":107,\"auth\":" \
	"\"c978b990071b0008440001b0895f697a\",\"MESSAGES\":[{\"im\":{" \
	"\"chat_id\":100000000001,\"message_id\":100000000001}," \
	"\"message\":{" \
	"\"id\":[\"c-A8oGbhra7_BRSML2vec0AppVk\"],\"date\":1773759162}," \
	"\"chat\":{\"id\":\"channel-100000000001\"}}]}"
#define INSERT_QUEUE "INSERT INTO queue(state, turn, owner, place, chat," \
	" message_id, chat_id, line, received_us, ts, key, event, member_id," \
	" domain, connector, chat_name, endpoint, token, body) VALUES(1, 0, 1," \
	" 1, ?1, ?1, ?1, 1, ?1, 1, ?2, 'ONIMCONNECTORMESSAGEADD'," \
	" 'a6bb2f2d0ee5f2b5f0f0c6c0b6d8a1e3', 'some-domain.bitrix24.com'," \
	" 'my_connector', 'channel-100000000001'," \
	" 'https://some-domain.bitrix24.com/rest/'," \
	" 'c978b990071b0008440001b0895f697a', '" BODY "')"
#define INSERT_SEEN "INSERT INTO seen(message_id, base, revision, content," \
	" id, since) VALUES(?1, ?2, 1, NULL, ?3, 1)"

static const char *ca_file;
static sqlite3 *db;			/* NULL: without a store */
static sqlite3_stmt *begin, *commit, *queue, *seen, *gone;
static int lock;

static void
check(int ok)
{
	if (ok)
		return;
	fprintf(stderr, "floor: %s\n", sqlite3_errmsg(db));
	exit(1);
}

static sqlite3_stmt *
prepare(const char *sql)
{
	sqlite3_stmt *s = NULL;

	check(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	return s;
}

static void
step(sqlite3_stmt *s)
{
	check(sqlite3_step(s) == SQLITE_DONE);
	check(sqlite3_reset(s) == SQLITE_OK);
}

static void
turn(short type)
{
	struct flock f = { .l_type = type, .l_whence = SEEK_SET };

	if (fcntl(lock, F_OFD_SETLKW, &f) != 0)
		fail("lock");
}

/* The settings are those of the handler's store. */
static void
open_store(const char *path)
{
	char name[4096];

	(void)snprintf(name, sizeof(name), "%s.turn", path);
	lock = open(name, O_RDWR | O_CREAT, 0600);
	if (lock < 0)
		fail(name);
	turn(F_WRLCK);
	check(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) ==
	    SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 10000);
	check(sqlite3_exec(db, "PRAGMA journal_mode=WAL;"
	    "PRAGMA synchronous=FULL;PRAGMA secure_delete=ON;"
	    "PRAGMA temp_store=MEMORY", NULL, NULL, NULL) == SQLITE_OK);
	begin = prepare("BEGIN IMMEDIATE");
	commit = prepare("COMMIT");
	queue = prepare(INSERT_QUEUE);
	seen = prepare(INSERT_SEEN);
	gone = prepare("DELETE FROM queue WHERE id = ?1");
	turn(F_UNLCK);
}

/* With a key that no other process has, as long as the handler's. */
static int64_t
put(int64_t now)
{
	char key[64];
	int n = snprintf(key, sizeof(key), "c-%08x-%016llx",
	    (unsigned)getpid(), (unsigned long long)now);
	int64_t row;

	turn(F_WRLCK);
	step(begin);
	check(sqlite3_bind_int64(queue, 1, now) == SQLITE_OK &&
	    sqlite3_bind_text(queue, 2, key, n, NULL) == SQLITE_OK);
	step(queue);
	row = sqlite3_last_insert_rowid(db);
	check(sqlite3_bind_int64(seen, 1, now) == SQLITE_OK &&
	    sqlite3_bind_text(seen, 2, key, n, NULL) == SQLITE_OK &&
	    sqlite3_bind_int64(seen, 3, row) == SQLITE_OK);
	step(seen);
	step(commit);
	turn(F_UNLCK);
	return row;
}

static void
take_away(int64_t row)
{
	turn(F_WRLCK);
	step(begin);
	check(sqlite3_bind_int64(gone, 1, row) == SQLITE_OK);
	step(gone);
	step(commit);
	turn(F_UNLCK);
}

static size_t
ignore(char *p, size_t size, size_t n, void *ctx)
{
	(void)p;
	(void)ctx;
	return size * n;
}

static CURL *
new_curl(void)
{
	CURL *curl = curl_easy_init();

	if (curl == NULL)
		fail("curl");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
	(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER,
	    curl_slist_append(NULL, "Content-Type: application/json"));
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "floor");
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, STATUS);
	(void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	return curl;
}

static void *
work(void *ctx)
{
	CURL *curl = new_curl();
	FCGX_Request rq;
	char chunk[16384];

	if (FCGX_InitRequest(&rq, 0, 0) != 0)
		return ctx;
	while (FCGX_Accept_r(&rq) == 0) {
		while (FCGX_GetStr(chunk, sizeof(chunk), rq.in) > 0)
			;
		if (db != NULL)
			take_away(put(now_us()));
		(void)curl_easy_setopt(curl, CURLOPT_URL,
		    FCGX_GetParam("QUERY_STRING", rq.envp));
		(void)FCGX_PutS(curl_easy_perform(curl) == CURLE_OK ?
		    "Content-Type: application/json\r\n\r\n{\"result\":true}" :
		    "Status: 502 Bad Gateway\r\n"
		    "Content-Type: text/plain\r\n\r\nno", rq.out);
		FCGX_Finish_r(&rq);
	}
	return ctx;
}

int
main(int argc, char **argv)
{
	pthread_t id;

	if (argc < 2)
		fail("floor CA-FILE [STORE]");
	ca_file = argv[1];
	if (argc > 2)
		open_store(argv[2]);
	(void)signal(SIGPIPE, SIG_IGN);
	if (FCGX_Init() != 0 || curl_global_init(CURL_GLOBAL_ALL) != 0)
		return 1;
	(void)signal(SIGTERM, SIG_DFL);
	for (int i = 1; i < THREADS && db == NULL; i++)
		if (pthread_create(&id, NULL, work, NULL) != 0)
			return 1;
	(void)work(NULL);
	return 0;
}
