/*
 * cold: runs a CGI program once, as a web server does, and times it.
 *
 *	cold BODY-FILE PROGRAM [ARGUMENT]...
 *
 * The body is the program's standard input, and its environment is ours.
 * Prints a line of JSON: microseconds until its output had ended and until
 * the process had, its processor time, the status that it answered (200 if it
 * named none, 0 if it said nothing) and how it ended.
 */
#include "common.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static pid_t
start(char **argv, int body, int out[2])
{
	pid_t pid = vfork();

	if (pid < 0)
		fail("vfork");
	if (pid != 0)
		return pid;
	(void)dup2(body, STDIN_FILENO);
	(void)dup2(out[1], STDOUT_FILENO);
	(void)execve(argv[0], argv, environ);
	_exit(127);
}

/* What was written until the end, cut to `size`. */
static void
read_all(int fd, char *text, size_t size)
{
	char rest[4096];
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, rest, sizeof(rest))) > 0) {
		if ((size_t)n > size - 1 - have)
			n = (ssize_t)(size - 1 - have);
		memcpy(text + have, rest, (size_t)n);
		have += (size_t)n;
	}
	text[have] = '\0';
}

static long
status(const char *text)
{
	const char *at = strcasestr(text, "status:");

	if (at != NULL)
		return strtol(at + 7, NULL, 10);
	return text[0] != '\0' ? 200 : 0;
}

static int64_t
spent(const struct rusage *u)
{
	return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * SECOND +
	    u->ru_utime.tv_usec + u->ru_stime.tv_usec;
}

int
main(int argc, char **argv)
{
	char text[4096];
	struct rusage used;
	int body, out[2], how = 0;
	int64_t from, answered, ended;
	pid_t pid;

	if (argc < 3) {
		fputs("usage: cold BODY-FILE PROGRAM [ARGUMENT]...\n",
		    stderr);
		return 64;
	}
	body = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (body < 0 || pipe2(out, O_CLOEXEC) != 0)
		fail(argv[1]);
	from = now_us();
	pid = start(argv + 2, body, out);
	(void)close(out[1]);
	read_all(out[0], text, sizeof(text));
	answered = now_us();
	if (wait4(pid, &how, 0, &used) != pid)
		fail("wait4");
	ended = now_us();
	printf("{\"answered\":%lld,\"ended\":%lld,\"cpu\":%lld,"
	    "\"status\":%ld,\"exit\":%d}\n", (long long)(answered - from),
	    (long long)(ended - from), (long long)spent(&used),
	    status(text), how);
	return 0;
}
