/*
 * Writes to SQLite's log, gathered: one for a commit in place of two a page.
 *
 * Used by db/sqlite.c for its connections.  Owns what was written and not
 * passed on yet, at most GATHER_SIZE bytes for each connection.
 *
 * SQLite writes a page of its log in two pieces, the frame's head and the
 * page, one behind the other, and then syncs.  Other connections look at the
 * log only when that is done, and this one reads through this file, too.  So
 * nobody sees that the pieces are kept until they are read, or synced.  What
 * cannot be written is told by that call, which fails the commit as well.
 * All files but the log are the system's own.
 */
#include "db/sqlite.h"

#include <sqlite3.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_SIZE (64 * 1024)

struct wal_file {
	sqlite3_file base;
	unsigned char *kept;
	int n;
	sqlite3_int64 at;	/* of the first of them in the file */
	sqlite3_file real;	/* the last: as large as the system's are */
};

static int
pass_on(struct wal_file *f)
{
	int n = f->n;

	f->n = 0;
	return n == 0 ? SQLITE_OK : f->real.pMethods->xWrite(&f->real, f->kept,
	    n, f->at);
}

static int
wal_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct wal_file *f = (struct wal_file *)file;
	int rc = SQLITE_OK;

	if (f->n != 0 && (at != f->at + f->n || n > GATHER_SIZE - f->n))
		rc = pass_on(f);
	if (rc != SQLITE_OK)
		return rc;
	if (n > GATHER_SIZE)
		return f->real.pMethods->xWrite(&f->real, p, n, at);
	if (f->n == 0)
		f->at = at;
	memcpy(f->kept + f->n, p, (size_t)n);
	f->n += n;
	return SQLITE_OK;
}

static int
wal_close(sqlite3_file *file)
{
	struct wal_file *f = (struct wal_file *)file;
	int rc = pass_on(f), closed = f->real.pMethods->xClose(&f->real);

	free(f->kept);
	return rc != SQLITE_OK ? rc : closed;
}

/* What was written comes first, then the call itself. */
#define BEHIND(file, call, ...) \
	struct wal_file *f = (struct wal_file *)(file); \
	int rc = pass_on(f); \
	return rc != SQLITE_OK ? rc : \
	    f->real.pMethods->call(&f->real, __VA_ARGS__)

static int
wal_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	BEHIND(file, xRead, p, n, at);
}

static int
wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	BEHIND(file, xTruncate, size);
}

static int
wal_sync(sqlite3_file *file, int flags)
{
	BEHIND(file, xSync, flags);
}

static int
wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
	BEHIND(file, xFileSize, size);
}

static int
wal_control(sqlite3_file *file, int what, void *arg)
{
	BEHIND(file, xFileControl, what, arg);
}

static int
wal_sector(sqlite3_file *file)
{
	struct wal_file *f = (struct wal_file *)file;

	return f->real.pMethods->xSectorSize(&f->real);
}

static int
wal_device(sqlite3_file *file)
{
	struct wal_file *f = (struct wal_file *)file;

	return f->real.pMethods->xDeviceCharacteristics(&f->real);
}

/* SQLite locks and maps its database only, never a log. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = wal_close,
	.xRead = wal_read,
	.xWrite = wal_write,
	.xTruncate = wal_truncate,
	.xSync = wal_sync,
	.xFileSize = wal_size,
	.xFileControl = wal_control,
	.xSectorSize = wal_sector,
	.xDeviceCharacteristics = wal_device,
};

static int
wal_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *got)
{
	struct wal_file *f = (struct wal_file *)file;
	sqlite3_vfs *real = vfs->pAppData;
	int rc;

	if ((flags & SQLITE_OPEN_WAL) == 0)
		return real->xOpen(real, name, file, flags, got);
	*f = (struct wal_file){ .kept = malloc(GATHER_SIZE) };
	if (f->kept == NULL)
		return SQLITE_NOMEM;
	rc = real->xOpen(real, name, &f->real, flags, got);
	if (rc == SQLITE_OK)
		f->base.pMethods = &methods;
	else
		free(f->kept);
	return rc;
}

/* The rest is the system's as it is: none of it looks at what it is part of. */
const char *
wal_file_vfs(void)
{
	static sqlite3_vfs vfs;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	if (real == NULL || vfs.pAppData == real)
		return vfs.zName;
	vfs = *real;
	vfs.zName = "imconnector";
	vfs.pAppData = real;
	vfs.szOsFile += (int)offsetof(struct wal_file, real);
	vfs.xOpen = wal_open;
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? vfs.zName : NULL;
}
