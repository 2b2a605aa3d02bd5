/*
 * The client over TLS: who is believed and who is not, against `openssl
 * s_server` with a certificate made for the test.
 */
#include "http/client.h"

#include "http_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct server {
	char dir[64];
	char cert[128];
	char key[128];
	int port;
	int input;	/* what is written here goes to the client */
	pid_t pid;
};

/* Runs a program, its standard input from `in`, all output dropped. */
static pid_t
spawn(const char *const *argv, int in)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		(void)dup2(in >= 0 ? in : null, 0);
		(void)dup2(null, 1);
		(void)dup2(null, 2);
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

static void
make_certificate(struct server *s)
{
	const char *const argv[] = { "openssl", "req", "-x509", "-newkey",
		"ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-keyout", s->key, "-out", s->cert, "-days", "2", "-subj",
		"/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", NULL };
	int status = -1;

	assert_int_equal(waitpid(spawn(argv, -1), &status, 0) > 0, 1);
	assert_int_equal(status, 0);
}

static bool
can_connect(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ok = connect(fd, (void *)&a, sizeof(a)) == 0;
	(void)close(fd);
	return ok;
}

/* The port is free when we look; the server takes it a moment later. */
static void
serve(struct server *s)
{
	char port[16];
	const char *const argv[] = { "openssl", "s_server", "-quiet",
		"-accept", port, "-cert", s->cert, "-key", s->key, NULL };
	int pipe_fds[2];

	(void)close(peer_listen(&s->port));
	(void)snprintf(port, sizeof(port), "127.0.0.1:%d", s->port);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	s->input = pipe_fds[1];
	s->pid = spawn(argv, pipe_fds[0]);
	(void)close(pipe_fds[0]);
	for (int i = 0; i < 500 && !can_connect(s->port); i++)
		nap(20);
}

static int
setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));

	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/t_http_tls.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->cert, sizeof(s->cert), "%s/cert.pem", s->dir);
	(void)snprintf(s->key, sizeof(s->key), "%s/key.pem", s->dir);
	make_certificate(s);
	serve(s);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct server *s = *state;

	(void)close(s->input);
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	(void)unlink(s->cert);
	(void)unlink(s->key);
	(void)rmdir(s->dir);
	free(s);
	return 0;
}

static void
world_make(struct world *w, bool one_shot)
{
	struct http_opts o = { .clock = &clock_system, .calls = 4,
		.kept = 64, .slow_ms = 10000, .one_shot = one_shot };

	*w = (struct world){ .log = { .level = LOG_LEVEL_WARNING } };
	assert_int_equal(loop_new(&w->loop, &clock_system, &w->log), ERR_OK);
	o.loop = w->loop;
	o.log = &w->log;
	assert_int_equal(http_client_new(&w->client, &o), ERR_OK);
	http_peer_init(&w->who);
}

static void
world_free(struct world *w)
{
	http_client_free(w->client);
	loop_free(w->loop);
}

/*
 * One call.  Once it hangs, which is after the handshake, the server is made
 * to answer.
 */
static enum http_end
call_with(struct world *w, const struct server *s,
    const struct http_route *route, const char *url, int64_t timeout_ms)
{
	struct trial t = { .call = { .done = trial_done, .peer = &w->who,
		.route = route, .url = url, .body = "{}", .body_len = 2,
		.timeout_ms = timeout_ms } };

	http_start(w->client, &t.call);
	while (!told_within(w, &t, 200))
		assert_true(write(s->input, ANSWER, strlen(ANSWER)) > 0);
	if (t.call.end == HTTP_ANSWERED)
		assert_memory_equal(buf_str(&t.call.answer), "ok", 3);
	http_call_free(&t.call);
	return t.call.end;
}

/* The same with a client of its own. */
static enum http_end
call(const struct server *s, int port, const char *host, const char *ca_file,
    bool one_shot)
{
	struct http_route route = { .ca_file = ca_file };
	struct world w;
	enum http_end end;
	char url[128];

	(void)snprintf(url, sizeof(url), "https://%s:%d/", host, port);
	world_make(&w, one_shot);
	end = call_with(&w, s, &route, url, 20000);
	world_free(&w);
	return end;
}

static void
test_unknown_authority(void **state)
{
	const struct server *s = *state;

	assert_int_equal(call(s, s->port, "127.0.0.1", NULL, false),
	    HTTP_BAD_TLS);
	assert_int_equal(call(s, s->port, "127.0.0.1", NULL, true),
	    HTTP_BAD_TLS);
	assert_int_equal(call(s, s->port, "127.0.0.1", "", false),
	    HTTP_BAD_TLS);
	assert_int_equal(call(s, s->port, "127.0.0.1", s->key, false),
	    HTTP_BAD_TLS);
	assert_int_equal(call(s, s->port, "127.0.0.1", "/nonexistent", false),
	    HTTP_BAD_TLS);
}

static void
test_wrong_name(void **state)
{
	const struct server *s = *state;

	assert_int_equal(call(s, s->port, "localhost", s->cert, false),
	    HTTP_BAD_TLS);
}

static void
test_private_authority(void **state)
{
	const struct server *s = *state;

	assert_int_equal(call(s, s->port, "127.0.0.1", s->cert, false),
	    HTTP_ANSWERED);
}

/*
 * What one route believes is nothing to another: the kept connection of the
 * first may not serve the second, which trusts the system only.
 */
static void
test_trust_is_not_shared(void **state)
{
	const struct server *s = *state;
	struct http_route private = { .ca_file = s->cert };
	struct http_route public = { .ca_file = NULL };
	struct world w;
	char url[64];

	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", s->port);
	world_make(&w, false);
	for (int i = 0; i < 2; i++)
		assert_int_equal(call_with(&w, s, &private, url, 20000),
		    HTTP_ANSWERED);
	/* A server of one connection at a time: a second gets no handshake. */
	assert_int_equal(call_with(&w, s, &public, url, 1000),
	    HTTP_TIMED_OUT);
	world_free(&w);
}

static void
test_no_tls_there(void **state)
{
	struct peer *p = peer_start();

	assert_int_equal(call(*state, p->port, "127.0.0.1", NULL, false),
	    HTTP_BAD_TLS);
	peer_stop(p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_unknown_authority),
		T(test_wrong_name),
		T(test_private_authority),
		T(test_trust_is_not_shared),
		T(test_no_tls_there),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
