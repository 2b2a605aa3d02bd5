/*
 * floor: the least that a FastCGI handler in C can cost.
 *
 *	floor PORTAL-HTTP PORTAL-HTTPS CA-FILE THREADS [STORE]
 *
 * Started with a listening socket on descriptor 0.  Each thread reads the
 * body and throws it away, calls the portal with a canned delivery status on
 * its own kept curl handle and answers 200.  The query string says what to
 * call: "http/d20/1" is the plain portal, its path /d20/, one message in the
 * status.  Without a query string it answers 200 and does nothing else.
 *
 * With a STORE, a copy of the handler's, two synced transactions come before
 * the call (commit.h).  Else it stores nothing; it parses nothing and proves
 * nothing: no handler can be like it, but none can be faster.
 */
#include "commit.h"

#include <curl/curl.h>
#include <fcgiapp.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 100
#define COMMITS 2		/* an event's, at the least */

static const char *portal[2];	/* "http://127.0.0.1:1", "https://..." */
static const char *ca_file;
static struct commits *commits;	/* NULL: without a store */

static size_t
ignore(char *p, size_t size, size_t n, void *ctx)
{
	(void)p;
	(void)ctx;
	return size * n;
}

/* A delivery status for so many messages; the ids are not those that came. */
static void
canned(char *out, size_t cap, int messages)
{
	size_t n = (size_t)snprintf(out, cap, "{\"CONNECTOR\":"
	    "\"myconnector\",\"LINE\":107,"
	    "\"auth\":\"c978b990071b0008440001b0895f697a\",\"MESSAGES\":[");

	for (int i = 0; i < messages && i < MESSAGES_MAX; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s{\"im\":{"
		    "\"chat_id\":100000000001,\"message_id\":100000000001},"
		    "\"message\":{\"id\":[\"c-A8oGbhra7_BRSML2vec0AppVk\"],"
		    "\"date\":1773759162},\"chat\":{\"id\":"
		    "\"channel-100000000001\"}}", i != 0 ? "," : "");
	(void)snprintf(out + n, cap - n, "]}");
}

/* Whether the portal took it. */
static int
call(CURL *curl, const char *query)
{
	char url[256], body[MESSAGES_MAX * 200 + 256];
	int tls = strncmp(query, "https/", 6) == 0;
	const char *path = query + (tls ? 6 : 5);
	const char *slash = strchr(path, '/');
	long status = 0;

	if (slash == NULL)
		return 0;
	canned(body, sizeof(body), (int)strtol(slash + 1, NULL, 10));
	(void)snprintf(url, sizeof(url),
	    "%s/%.*s/rest/imconnector.send.status.delivery", portal[tls],
	    (int)(slash - path), path);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	if (curl_easy_perform(curl) != CURLE_OK)
		return 0;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status == 200;
}

static void *
work(void *ctx)
{
	struct curl_slist *headers = curl_slist_append(NULL,
	    "Content-Type: application/json");
	CURL *curl = curl_easy_init();
	FCGX_Request rq;
	char chunk[16384];
	const char *query;
	int ok;

	(void)ctx;
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
	(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "floor");
	if (FCGX_InitRequest(&rq, 0, 0) != 0)
		return NULL;
	while (FCGX_Accept_r(&rq) == 0) {
		while (FCGX_GetStr(chunk, sizeof(chunk), rq.in) > 0)
			;
		query = FCGX_GetParam("QUERY_STRING", rq.envp);
		for (int i = 0; commits != NULL && i < COMMITS; i++)
			commit_once(commits);
		ok = query == NULL || query[0] == '\0' || call(curl, query);
		(void)FCGX_PutS(ok ? "Content-Type: application/json\r\n\r\n"
		    "{\"result\":true}" : "Status: 502 Bad Gateway\r\n"
		    "Content-Type: text/plain\r\n\r\nno", rq.out);
		FCGX_Finish_r(&rq);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	int threads = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 0;
	pthread_t id;

	if (threads < 1) {
		fputs("usage: floor PORTAL-HTTP PORTAL-HTTPS CA-FILE "
		    "THREADS [STORE]\n", stderr);
		return 64;
	}
	if (argc > 5)
		commits = commit_open(argv[5]);
	portal[0] = argv[1];
	portal[1] = argv[2];
	ca_file = argv[3];
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
