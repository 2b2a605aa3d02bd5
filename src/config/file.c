/*
 * The files of the configuration: the file itself, and secrets in files.
 *
 * Called by read.c and value.c.  The caller owns the stream
 * or text that it gets.  On failure nothing is open or allocated and *why
 * says what is wrong; no content is ever repeated there.
 */
#include "config/private.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 4096	/* bytes in the file; longer is a mistake */
#define TEXT_MAX 32768	/* the same, of an icon */

static enum err
because(struct why *w, const char *what)
{
	(void)snprintf(w->text, sizeof(w->text), "cannot be read: %s", what);
	return ERR_CONFIG;
}

/* Looks at what was opened, not at the name: the two cannot differ then. */
static enum err
check_kind(int fd, int64_t max, struct why *w)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return because(w, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return because(w, "it is not a regular file");
	if (st.st_size > max)
		return because(w, "it is too large");
	return ERR_OK;
}

enum err
config_open(FILE **out, const char *path, int64_t max, struct why *w)
{
	/* O_NONBLOCK: a FIFO must not hold us before it is refused. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum err e;

	*out = NULL;
	w->missing = fd < 0 && errno == ENOENT;
	if (fd < 0)
		return because(w, strerror(errno));
	e = check_kind(fd, max, w);
	if (e == ERR_OK) {
		*out = fdopen(fd, "r");
		e = *out != NULL ? ERR_OK : ERR_NOMEM;
	}
	if (e != ERR_OK)
		(void)close(fd);
	return e;
}

/* What stands in the file, without the newline that editors put there. */
static enum err
take_secret(char **out, FILE *f, struct why *w)
{
	char text[SECRET_MAX + 1];
	size_t n = fread(text, 1, sizeof(text), f);
	enum err e = ERR_OK;

	if (ferror(f))
		e = because(w, strerror(errno));
	else if (n > SECRET_MAX)
		e = because(w, "it is too large");
	else if (memchr(text, '\0', n) != NULL)
		e = because(w, "it has a NUL byte");
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (e == ERR_OK && n == 0)
		e = because(w, "it is empty");
	if (e == ERR_OK) {
		*out = strndup(text, n);
		e = *out != NULL ? ERR_OK : ERR_NOMEM;
	}
	explicit_bzero(text, sizeof(text));
	return e;
}

/*
 * Which file, and what mends it.  A path that leads nowhere is not repeated:
 * it may be the secret itself, written into the wrong option.
 */
static void
name_file(struct why *w, const char *path)
{
	int error = path_usable(path, PATH_READ);
	size_t n = strlen(w->text);
	struct hindrance h;

	if (error == ENOENT && path_has_folder(path))
		(void)snprintf(w->text + n, sizeof(w->text) - n, ": %s", path);
	if (error != EACCES)
		return;
	path_hindered(&h, path, PATH_READ, error, true);
	(void)snprintf(w->text, sizeof(w->text), "%.90s: ", path);
	n = strlen(w->text);
	path_say(&h, w->text + n, sizeof(w->text) - n);
}

enum err
config_read_secret(char **where, const char *path, struct why *w)
{
	char *secret = NULL;
	FILE *f;
	enum err e;

	if (path[0] != '/') {
		/* Not repeated: it may be the secret itself. */
		(void)snprintf(w->text, sizeof(w->text),
		    "must be the absolute path of a file");
		return ERR_CONFIG;
	}
	e = config_open(&f, path, SECRET_MAX, w);
	if (e == ERR_CONFIG)
		name_file(w, path);
	if (e != ERR_OK)
		return e;
	e = take_secret(&secret, f, w);
	(void)fclose(f);
	if (e != ERR_OK)
		return e;
	free(*where);
	*where = secret;
	return ERR_OK;
}

enum err
config_read_text(char **where, const char *path, struct why *w)
{
	char *text = calloc(1, TEXT_MAX + 1);
	FILE *f = NULL;
	enum err e = text != NULL ? config_open(&f, path, TEXT_MAX, w) :
	    ERR_NOMEM;
	size_t n = 0;

	if (e == ERR_OK) {
		n = fread(text, 1, TEXT_MAX, f);
		if (ferror(f) || n == 0 || memchr(text, '\0', n) != NULL)
			e = because(w, "it is empty, or no text");
		(void)fclose(f);
	}
	if (e != ERR_OK) {
		free(text);
		return e;
	}
	free(*where);
	*where = text;
	return ERR_OK;
}
