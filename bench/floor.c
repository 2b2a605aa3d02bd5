/*
 * floor: the least that a FastCGI handler in C can cost.
 *
 *	floor CA-FILE THREADS [STORE]
 *
 * Started with a listening socket on descriptor 0.  Each thread reads the
 * body and throws it away, calls the URL in the query string with a canned
 * delivery status on its own kept curl handle, and answers 200.
 *
 * With a STORE, which is a copy of the handler's with its schema and journal,
 * two synced transactions come before the call: the message is put into the
 * queue and among what was seen; it leaves the queue.  Other processes may
 * use the same STORE; they take turns at a lock, as the handler's do.  It
 * parses nothing and proves nothing: no handler can be like it, but none can
 * be faster.
 */
#include "common.h"

#include <curl/curl.h>
#include <fcgiapp.h>
#include <sqlite3.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

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

struct store {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *queue, *seen, *gone;
	int lock;
	pthread_mutex_t mutex;
};

static const char *ca_file;
static struct store *store;		/* NULL: without */

static void
check(int ok)
{
	if (ok)
		return;
	fprintf(stderr, "floor: %s\n", sqlite3_errmsg(store->db));
	exit(1);
}

static sqlite3_stmt *
prepare(const char *sql)
{
	sqlite3_stmt *s = NULL;

	check(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL) == SQLITE_OK);
	return s;
}

static void
step(sqlite3_stmt *s)
{
	check(sqlite3_step(s) == SQLITE_DONE);
	check(sqlite3_reset(s) == SQLITE_OK);
}

/* The settings are those of the handler's store. */
static void
open_store(const char *path)
{
	char lock[4096];

	store = zeroed(1, sizeof(*store));
	(void)snprintf(lock, sizeof(lock), "%s.turn", path);
	store->lock = open(lock, O_RDWR | O_CREAT, 0600);
	if (store->lock < 0)
		fail(lock);
	(void)pthread_mutex_init(&store->mutex, NULL);
	check(sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE, NULL) ==
	    SQLITE_OK);
	(void)sqlite3_busy_timeout(store->db, 10000);
	check(sqlite3_exec(store->db, "PRAGMA synchronous=FULL;"
	    "PRAGMA secure_delete=ON;PRAGMA temp_store=MEMORY", NULL, NULL,
	    NULL) == SQLITE_OK);
	store->begin = prepare("BEGIN IMMEDIATE");
	store->commit = prepare("COMMIT");
	store->queue = prepare(INSERT_QUEUE);
	store->seen = prepare(INSERT_SEEN);
	store->gone = prepare("DELETE FROM queue WHERE id = ?1");
}

static void
turn(short type)
{
	struct flock f = { .l_type = type, .l_whence = SEEK_SET };

	if (type == F_WRLCK)
		(void)pthread_mutex_lock(&store->mutex);
	if (fcntl(store->lock, F_OFD_SETLKW, &f) != 0)
		fail("lock");
	if (type == F_UNLCK)
		(void)pthread_mutex_unlock(&store->mutex);
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
	step(store->begin);
	check(sqlite3_bind_int64(store->queue, 1, now) == SQLITE_OK &&
	    sqlite3_bind_text(store->queue, 2, key, n, NULL) == SQLITE_OK);
	step(store->queue);
	row = sqlite3_last_insert_rowid(store->db);
	check(sqlite3_bind_int64(store->seen, 1, now) == SQLITE_OK &&
	    sqlite3_bind_text(store->seen, 2, key, n, NULL) == SQLITE_OK &&
	    sqlite3_bind_int64(store->seen, 3, row) == SQLITE_OK);
	step(store->seen);
	step(store->commit);
	turn(F_UNLCK);
	return row;
}

static void
take_away(int64_t row)
{
	turn(F_WRLCK);
	step(store->begin);
	check(sqlite3_bind_int64(store->gone, 1, row) == SQLITE_OK);
	step(store->gone);
	step(store->commit);
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
	return curl;
}

/* Whether the portal took it. */
static bool
call(CURL *curl, const char *url)
{
	long status = 0;

	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	if (curl_easy_perform(curl) != CURLE_OK)
		return false;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status == 200;
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
		if (store != NULL)
			take_away(put(now_us()));
		(void)FCGX_PutS(call(curl, FCGX_GetParam("QUERY_STRING",
		    rq.envp)) ? "Content-Type: application/json\r\n\r\n"
		    "{\"result\":true}" : "Status: 502 Bad Gateway\r\n"
		    "Content-Type: text/plain\r\n\r\nno", rq.out);
		FCGX_Finish_r(&rq);
	}
	return ctx;
}

int
main(int argc, char **argv)
{
	int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
	pthread_t id;

	if (threads < 1)
		fail("floor CA-FILE THREADS [STORE]");
	ca_file = argv[1];
	if (argc > 3)
		open_store(argv[3]);
	(void)signal(SIGPIPE, SIG_IGN);
	if (FCGX_Init() != 0 || curl_global_init(CURL_GLOBAL_ALL) != 0)
		return 1;
	(void)signal(SIGTERM, SIG_DFL);
	for (int i = 1; i < threads; i++)
		if (pthread_create(&id, NULL, work, NULL) != 0)
			return 1;
	(void)work(NULL);
	return 0;
}
