/*
 * Programs that run beside us.
 *
 * Called by the exec channel.  Owns the descriptors of a child until
 * child_close().  posix_spawn() starts it without a copy of our memory, and
 * tells why it could not.  On failure nothing is left behind.
 */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void
close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int
set_files(posix_spawn_file_actions_t *files, int in, int out)
{
	int e = posix_spawn_file_actions_adddup2(files, in, STDIN_FILENO);

	if (e == 0)
		e = posix_spawn_file_actions_adddup2(files, out,
		    STDOUT_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_addopen(files, STDERR_FILENO,
		    "/dev/null", O_WRONLY, 0);
	/* libraries of ours open some that would be inherited */
	if (e == 0)
		e = posix_spawn_file_actions_addclosefrom_np(files,
		    STDERR_FILENO + 1);
	return e == 0 ? posix_spawn_file_actions_addchdir_np(files, "/") : e;
}

/* What is blocked or ignored here would be so there, too. */
static int
set_signals(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int e;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	e = posix_spawnattr_setsigdefault(attr, &all);
	if (e == 0)
		e = posix_spawnattr_setsigmask(attr, &none);
	return e == 0 ? posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID |
	    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) : e;
}

static int
spawn(pid_t *pid, const char *path, char *const *env, int in, int out)
{
	char *const argv[] = { (char *)path, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int e = posix_spawn_file_actions_init(&files);

	if (e != 0)
		return e;
	e = posix_spawnattr_init(&attr);
	if (e == 0) {
		e = set_files(&files, in, out);
		if (e == 0)
			e = set_signals(&attr);
		if (e == 0)
			e = posix_spawn(pid, path, &files, &attr, argv, env);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&files);
	return e;
}

/* A pipe; the end of ours does not block, the other's must. */
static bool
open_pipe(int fd[2], int ours)
{
	int flags;

	if (pipe2(fd, O_CLOEXEC) != 0) {
		fd[0] = fd[1] = -1;
		return false;
	}
	flags = fcntl(fd[ours], F_GETFL);
	return flags >= 0 &&
	    fcntl(fd[ours], F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Kernels and sandboxes without such descriptors: it is asked instead. */
static int
watch_end(struct child *c)
{
	int e;

	c->end = pidfd_open(c->pid, 0);
	if (c->end >= 0 || errno == ENOSYS || errno == EPERM)
		return 0;
	e = errno;
	child_kill(c, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	return e;
}

int
child_start(struct child *c, const char *path, char *const *env)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	int e = 0;

	*c = (struct child){ .in = -1, .out = -1, .end = -1 };
	if (!open_pipe(in, 1) || !open_pipe(out, 0))
		e = errno;
	if (e == 0)
		e = spawn(&c->pid, path, env, in[0], out[1]);
	if (e == 0)
		e = watch_end(c);
	close_one(&in[0]);
	close_one(&out[1]);
	c->in = in[1];
	c->out = out[0];
	if (e != 0) {
		child_close(c);
		c->pid = 0;
	}
	return e;
}

/*
 * While the dead one is not taken away nobody else can have its number, so it
 * is the group of this one that is killed.
 */
bool
child_ended(struct child *c, int *code)
{
	siginfo_t info = { .si_pid = 0 };
	bool lost = waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG |
	    WNOWAIT) != 0;

	if (!lost && info.si_pid == 0)
		return false;
	/* lost: somebody took it away, and nobody knows how it ended */
	*code = !lost && info.si_code == CLD_EXITED ? info.si_status :
	    lost ? -SIGKILL : -info.si_status;
	if (!lost)
		child_kill(c, SIGKILL);
	(void)waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG);
	c->pid = 0;
	return true;
}

void
child_kill(const struct child *c, int signal)
{
	if (c->pid > 0)
		(void)kill(-c->pid, signal);
}

void
child_close(struct child *c)
{
	close_one(&c->in);
	close_one(&c->out);
	close_one(&c->end);
}
