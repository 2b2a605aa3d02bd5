"""A wall clock that tests can set, for the programs they start.

    clock = WallClock(folder)       compiles a library that shifts the clock
    clock.set(seconds)              for all programs at once, also running ones
    clock.environment               what a program must be started with

Only Unix time is shifted; the monotonic clock cannot be set on a real machine
either.
"""

import os
import pathlib
import subprocess
import tempfile

from site_folder import BUILD

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long
shift(void)
{
	const char *path = getenv("WALL_CLOCK_SHIFT");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char text[32] = "";

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	(void)close(fd);
	return strtol(text, NULL, 10);
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (rc == 0 && id == CLOCK_REALTIME)
		t->tv_sec += shift();
	return rc;
}
"""


def sanitizers():
    """What must be loaded first, where the programs were built with it."""
    names = {"address": "libasan.so", "thread": "libtsan.so"}
    return [subprocess.run(["cc", f"-print-file-name={names[part]}"],
                           check=True, capture_output=True,
                           text=True).stdout.strip()
            for part in BUILD.name.split(",") if part in names]


class WallClock:
    """See above."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.library = folder / "wall_clock.so"
        self.file = folder / "wall_clock.shift"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-x", "c", "-o",
                        self.library, "-"], input=SOURCE.encode(), check=True)
        self.set(0)
        # for the handler's user, too: without it the clock would not move
        for path in (folder, *folder.parents):
            if path == pathlib.Path(tempfile.gettempdir()):
                break
            path.chmod(0o755)

    def set(self, seconds):
        """How far the clock is ahead, from now on."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{int(seconds)}\n")
        os.replace(new, self.file)      # nobody reads half a number

    @property
    def environment(self):
        """What a program must be started with."""
        return {"LD_PRELOAD": " ".join([*sanitizers(), str(self.library)]),
                "WALL_CLOCK_SHIFT": str(self.file)}
