"""README's way from a bare machine to a handler that answers, as it stands.

chapter.py types the commands of the chapters; see there. It needs root and
namespaces: as another user nothing can be tried here, and that is said.
"""

import os
import pathlib
import subprocess
import sys
import warnings

import pytest

ALONE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
         "--mount-proc"]
CHAPTER = pathlib.Path(__file__).with_name("chapter.py")


@pytest.mark.parametrize("which", ["nginx", "alone", "apache", "proxy",
                                   "lighttpd", "caddy"])
def test_every_command_works(tmp_path, which):
    """From step 1 to an event that comes by https."""
    if os.getuid() != 0:
        warnings.warn("README's chapters are only tried as root")
        return
    may = subprocess.run([*ALONE, "true"], capture_output=True, text=True,
                         check=False)
    assert may.returncode == 0, \
        "no machine to throw away can be made here: " + may.stderr
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        [*ALONE, sys.executable, CHAPTER, which, tmp_path], check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=600, env=env, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-8000:]
