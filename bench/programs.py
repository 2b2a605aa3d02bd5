"""The programs of the benchmark: where they are, how built, as whom run."""

import glob
import os
import pathlib
import pwd
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent
BUILD = pathlib.Path(os.environ.get("IMCONNECTOR_BUILD") or
                     REPO / "build").resolve()
TOKEN = "831c76b092f9f135d9b6b36c3a720757"
WARN = ("-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes "
        "-Wmissing-prototypes -Wvla -Wwrite-strings -Wold-style-definition "
        "-Werror").split()

# what each is made of besides its own source
PROGRAMS = {
    "portal": ["count.c", "-lssl", "-lcrypto"],
    "load": ["body.c"],
    "floor": ["commit.c", "-lfcgi", "-lcurl", "-lsqlite3", "-lpthread"],
    "cold": [],
    # linked as the handler is, and with all that it is linked with
    "nothing": ["commit.c", "-fPIE", "-pie", "-Wl,-z,relro,-z,now",
                "-Wl,--no-as-needed", "-lyajl", "-lcurl", "-lsqlite3",
                "-lcrypto", "-linih", "-lfcgi", "-lpthread"],
    "readers": ["body.c", str(BUILD / "core.a"), "-lyajl", "-lcrypto",
                "-lpthread"],
}
PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
                 "/bin", "LC_ALL": "C.UTF-8"}


def web_user():
    """As whom handlers run: (name, uid, gid), or None for ourselves."""
    if os.getuid() != 0:
        return None
    for name in ("www-data", "nginx", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return name, entry.pw_uid, entry.pw_gid
    raise RuntimeError("no user to run handlers as")


def as_web_user():
    """The same, as subprocess wants it."""
    user = web_user()
    return {"user": user[1], "group": user[2], "extra_groups": []} \
        if user else {}


def compile_all(to, wanted):
    """Builds the programs that are older than their source."""
    to.mkdir(parents=True, exist_ok=True)
    for name, more in PROGRAMS.items():
        target = to / name
        more = [HERE / m if m.endswith(".c") else m for m in more]
        parts = [HERE / f"{name}.c", *HERE.glob("*.h"),
                 *(pathlib.Path(m) for m in more
                   if str(m).endswith((".a", ".c")))]
        if target.exists() and all(
                p.stat().st_mtime < target.stat().st_mtime for p in parts):
            continue
        subprocess.run(
            [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O2",
             "-g", *WARN, f"-I{REPO / 'src'}", "-o", target,
             HERE / f"{name}.c", *more], check=True)
    if "go" in wanted:
        source, target = HERE / "peers" / "handler.go", to / "handler-go"
        if not target.exists() or \
                source.stat().st_mtime > target.stat().st_mtime:
            subprocess.run(
                ["go", "build", "-o", target, source], check=True, cwd=to,
                env={**os.environ, "GO111MODULE": "off", "GOFLAGS": "",
                     "GOCACHE": str(to / "gocache"), "GOPROXY": "off"})


def php_fpm():
    """The newest PHP-FPM there is."""
    found = sorted(glob.glob("/usr/sbin/php-fpm*") +
                   glob.glob("/usr/local/sbin/php-fpm*"))
    if not found:
        raise RuntimeError("no php-fpm here (deploy/deps.sh bench)")
    return found[-1]
