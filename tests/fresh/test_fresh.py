"""README from its first line, on a Debian of which only apt is there.

debian.py types the commands; see there. Run by `make check-fresh`, as root,
with the folder for what is fetched once in $IMCONNECTOR_DEBIAN. Fetches from
$DEBIAN_MIRROR.
"""

import os
import pathlib
import subprocess
import sys

import pytest

ALONE = ["unshare", "--mount", "--pid", "--fork", "--kill-child",
         "--mount-proc"]
MIRROR = os.environ.get("DEBIAN_MIRROR") or "http://deb.debian.org/debian"


@pytest.fixture(scope="module")
def cache():
    """That folder, with what debootstrap makes in it."""
    folder = pathlib.Path(os.environ["IMCONNECTOR_DEBIAN"]).resolve()
    if not (folder / "base").exists():
        new = folder / "base.new"
        subprocess.run(["rm", "-rf", new], check=True)
        new.mkdir(parents=True)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", new,
                        MIRROR], check=True, timeout=1200)
        new.rename(folder / "base")
    return folder


@pytest.mark.parametrize("which", ["demo", "alone", "cron", "nginx",
                                   "apache"])
def test_from_the_first_command(tmp_path, cache, which):
    """All of them end with an event that was acknowledged."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        [*ALONE, sys.executable, pathlib.Path(__file__).with_name("debian.py"),
         which, cache, tmp_path], check=False, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=1800, env=env,
        stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-8000:]
