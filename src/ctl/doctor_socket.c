/*
 * What doctor asks of the handler's socket.
 *
 * Called by the table of questions.  Owns nothing.  It is looked at before
 * anything else, while the process is still who started it: the owner of the
 * store, whom it becomes, may not see it.  Whether the web server's user may
 * connect is told by owners and modes alone: access lists and the rules of
 * AppArmor or SELinux are not looked at.
 */
#include "ctl/doctor.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIT "/etc/systemd/system/imconnector.socket"
#define USUAL "/run/imconnector/imconnector.sock"
#define GROUPS_MAX 256

/* The first ListenStream= of the unit. */
static bool
read_unit(char out[DOCTOR_PATH_MAX])
{
	static const char name[] = "ListenStream=";
	char line[256];
	FILE *f = fopen(UNIT, "re");

	out[0] = '\0';
	while (f != NULL && out[0] == '\0' &&
	    fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, sizeof(name) - 1) == 0)
			(void)snprintf(out, DOCTOR_PATH_MAX, "%.*s",
			    (int)strcspn(line + sizeof(name) - 1, " \t\r\n"),
			    line + sizeof(name) - 1);
	if (f != NULL)
		(void)fclose(f);
	return out[0] == '/';
}

/* False: nobody says that there is one. */
static bool
find_socket(const struct ctl *ctl, char path[DOCTOR_PATH_MAX])
{
	const char *given = ctl->a.given[ARG_SOCKET];

	if (given == NULL && read_unit(path))
		return true;
	(void)snprintf(path, DOCTOR_PATH_MAX, "%s", given != NULL ?
	    given : USUAL);
	return given != NULL || access(USUAL, F_OK) == 0;
}

/* 0, or the errno of an attempt, which waits for nobody. */
static int
try_connect(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	int error;

	if (fd < 0)
		return errno;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	error = connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 ?
	    0 : errno;
	(void)close(fd);
	return error;
}

struct user {
	uid_t uid;
	gid_t group[GROUPS_MAX];
	int groups;
};

static bool
find_user(struct user *u, const char *given, const char **name)
{
	static const char *const usual[] = { "www-data", "nginx", "apache" };
	const struct passwd *pw = NULL;

	*name = given;
	for (size_t i = 0; given == NULL && pw == NULL && i <
	    sizeof(usual) / sizeof(usual[0]); i++) {
		*name = usual[i];
		pw = getpwnam(*name);
	}
	if (given != NULL)
		pw = getpwnam(given);
	if (pw == NULL)
		return false;
	u->uid = pw->pw_uid;
	u->groups = GROUPS_MAX;
	return getgrouplist(pw->pw_name, pw->pw_gid, u->group, &u->groups) >=
	    0;
}

/* Which of the three sets of a mode is his, as the kernel picks it. */
static bool
may(const struct user *u, const struct stat *st, mode_t bits)
{
	if (u->uid == 0)
		return true;
	if (st->st_uid == u->uid)
		return (st->st_mode >> 6 & bits) == bits;
	for (int i = 0; i < u->groups; i++)
		if (u->group[i] == st->st_gid)
			return (st->st_mode >> 3 & bits) == bits;
	return (st->st_mode & bits) == bits;
}

/* The first on the path that keeps him out, cut there; or "". */
static bool
kept_out(const struct user *u, char path[DOCTOR_PATH_MAX])
{
	struct stat st;

	for (char *at = path; (at = strchr(at + 1, '/')) != NULL; *at = '/') {
		*at = '\0';
		if (stat(path, &st) != 0 || !may(u, &st, 1))
			return true;
	}
	/* to connect one must be able to write, and Linux asks no more */
	return stat(path, &st) != 0 || !may(u, &st, 2);
}

void
doctor_look_at_socket(struct doctor *d)
{
	struct doctor_socket *s = &d->socket;
	const char *given = d->ctl->a.given[ARG_WEB_USER];
	struct stat st;
	struct user u;

	s->known = find_socket(d->ctl, s->path);
	s->error = lstat(s->path, &st) == 0 ? 0 : errno;
	s->is_socket = s->error == 0 && S_ISSOCK(st.st_mode);
	s->has_user = find_user(&u, given, &s->user);
	if (!s->is_socket)
		return;
	d->has |= HAS_SOCKET;
	s->refused = try_connect(s->path);
	(void)snprintf(s->by, sizeof(s->by), "%s", s->path);
	if (s->has_user && !kept_out(&u, s->by))
		s->by[0] = '\0';
}

void
ask_socket(struct doctor *d)
{
	const struct doctor_socket *s = &d->socket;

	if (!s->known)
		doctor_say(d, FINDING_NOTE, "Behind nginx, name it with "
		    "--socket", "none is known, which is as it should be "
		    "where Apache starts the handler");
	else if (s->error != 0)
		doctor_say(d, FINDING_WRONG, s->error == ENOENT ? "Start what "
		    "makes it: systemctl enable --now imconnector.socket "
		    "imconnector.service" : "Run this as root", "%s: %s",
		    s->path, strerror(s->error));
	else if (!s->is_socket)
		doctor_say(d, FINDING_WRONG, "Remove it, then start the "
		    "handler again", "%s is no socket", s->path);
	else
		doctor_say(d, FINDING_OK, NULL, "%s", s->path);
}

void
ask_listener(struct doctor *d)
{
	const struct doctor_socket *s = &d->socket;

	if (s->refused == 0)
		doctor_say(d, FINDING_OK, NULL, "a connection is accepted");
	else if (s->refused == ECONNREFUSED)
		doctor_say(d, FINDING_WRONG, "Start the handler: systemctl "
		    "restart imconnector.socket imconnector.service",
		    "nobody listens at %s", s->path);
	else if (s->refused == EAGAIN)
		doctor_say(d, FINDING_WRONG, "Look at the handler's log, and "
		    "at its load", "connections wait at %s and nobody takes "
		    "them", s->path);
	else
		doctor_say(d, s->refused == EACCES ? FINDING_NOTE :
		    FINDING_WRONG, "Run this as root", "%s: %s", s->path,
		    strerror(s->refused));
}

void
ask_web_user(struct doctor *d)
{
	const struct doctor_socket *s = &d->socket;
	bool given = d->ctl->a.given[ARG_WEB_USER] != NULL;

	if (!s->has_user)
		doctor_say(d, given ? FINDING_WRONG : FINDING_NOTE, "Name the "
		    "web server's user with --web-user", "there is no user "
		    "%s", given ? s->user : "www-data, nginx or apache");
	else if (s->by[0] != '\0')
		doctor_say(d, FINDING_WRONG, "SocketGroup= in "
		    "imconnector.socket, or -G of spawn-fcgi, is to be that "
		    "user's group", "%s keeps the user %s out", s->by,
		    s->user);
	else
		doctor_say(d, FINDING_OK, NULL, "the user %s may", s->user);
}
