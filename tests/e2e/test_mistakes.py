"""What an operator does wrong, and what he is told: golden texts.

Each mistake of MISTAKES is made in a fresh site, and imconnectorctl check must
tell all of it and nothing else, with the right exit code, and leave the folder
as it was. The rest of the file is about the other commands, the handler's
start, and the reasons of events that fail.

In the texts CONF is the configuration, VAR the handler's own folder (spool and
store), ETC a folder of root's, USER and GROUP the handler's; WHY is what the
system says of a name that it cannot look up.
"""

import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import typing

import pytest

import events
from events import as_form, event
from site_folder import as_user, wait_until, web_user
from standin import Receiver

USAGE, NO_INPUT, IO_ERROR, CONFIG = 64, 66, 74, 78
NOBODY = "nonexistent.invalid"
TOKEN_LINE = "[app]\napplication_token = abc\n"
PLACES = ("[store]\nurl = sqlite:VAR/queue.db\n"
          "[channel]\nurl = spool:VAR/spool\n")
DENIED = "(Permission denied)"
NO_ADDRESS = ("it has no address now (WHY). Look at the name, and at "
              "/etc/resolv.conf")
BOTH = ("no installation can be proven and no token be refreshed. Set both, "
        "from the application's page in Bitrix24")
TIMEOUT = ("timeout has no effect: only http://, https:// and exec: have "
           "one. Take the line away")
SECTION = "a section must be [NAME] and nothing else on its line"
LINE = "the line must be [section] or option = value"

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs two users")


class Mistake(typing.NamedTuple):
    """One way to be wrong."""

    text: str                   # the whole file, or what follows PLACES
    said: tuple                 # lines on standard error
    code: int = CONFIG
    prepare: object = None      # prepare(site), before
    args: tuple = ()
    whole: bool = False         # text is the whole file


def roots(path, mode, folder=False):
    """prepare: a file or folder of root's at that path."""
    def prepare(site):
        at = pathlib.Path(filled(path, site))
        if folder:
            at.mkdir(mode=mode)
        else:
            at.write_text("x\n")
        at.chmod(mode)
    return prepare


def own(path):
    """prepare: a folder of the handler's user."""
    def prepare(site):
        at = pathlib.Path(filled(path, site))
        at.mkdir()
        if user := web_user():
            os.chown(at, pwd.getpwnam(user[0]).pw_uid, user[1])
    return prepare


def several(*steps):
    """prepare: one after the other."""
    def prepare(site):
        for step in steps:
            step(site)
    return prepare


def written(path, text):
    """prepare: a file that everybody may read."""
    def prepare(site):
        pathlib.Path(filled(path, site)).write_text(text)
    return prepare


def belongs(mode):
    """The end of what is said of a path of root's."""
    return f"{DENIED}; it belongs to root, mode {mode}"


CERTIFICATE = ("-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n"
               "-----END CERTIFICATE-----\n")

# Behind PLACES, four lines, a text begins with line 5.
MISTAKES = {
    # what is written as other programs want it
    "token-in-quotes": Mistake(
        '[app]\napplication_token = "abc"\n',
        ("CONF:6: [app] application_token is in quotes, which is taken as "
         "part of it: take the quotes away",)),
    "id-in-single-quotes": Mistake(
        "[app]\nclient_id = 'local.1'\nclient_secret = s\n"
        "oauth_servers = localhost\n",
        ("CONF:6: [app] client_id is in quotes, which is taken as part of "
         "it: take the quotes away",)),
    "token-with-a-note": Mistake(
        "[app]\napplication_token = abc # from Bitrix24\n",
        ('CONF:6: [app] application_token is with a note behind, which is '
         'taken as part of it: a note begins with " ;", or stands on a line '
         'of its own',)),
    "quoted-token-and-note": Mistake(
        '[app]\napplication_token = "abc"  # from Bitrix24\n',
        ("CONF:6: [app] application_token is in quotes, which is taken as "
         "part of it: take the quotes away",)),
    "path-in-quotes": Mistake(
        TOKEN_LINE + 'ca_file = "/etc/ca.pem"\n',
        ('CONF:7: [app] ca_file must be an absolute path, not '
         '""/etc/ca.pem""; it takes no quotes',)),
    "number-with-a-note": Mistake(
        TOKEN_LINE + "[server]\nworkers = 4 # four\n",
        ('CONF:8: [server] workers must be a number from 1 to 4096, not '
         '"4 # four"; a note begins with " ;"',)),
    "url-with-a-note": Mistake(
        TOKEN_LINE + "[connector a]\nurl = https://localhost/ # ours\n",
        ('CONF:8: [connector a] url must be a whole URL, its scheme one of: '
         'spool http https exec null; a note begins with " ;"',)),
    # words
    "section-near": Mistake(
        TOKEN_LINE + "[sever]\nworkers = 4\n",
        ("CONF:7: [sever] is no known section: did you mean [server]?",)),
    "section-plural": Mistake(
        TOKEN_LINE + "[connectors]\nurl = null:\n",
        ("CONF:7: [connectors] is no known section: did you mean "
         "[connector NAME]?",)),
    "section-far": Mistake(
        TOKEN_LINE + "[nonsense]\nworkers = 4\n",
        ("CONF:7: [nonsense] is no known section",)),
    "option-near": Mistake(
        TOKEN_LINE + "conectors = a\n",
        ("CONF:7: [app] has no option conectors: did you mean connectors?",)),
    "option-elsewhere": Mistake(
        TOKEN_LINE + "answer_within = 3\n",
        ("CONF:7: [app] has no option answer_within: it belongs to "
         "[server]",)),
    "option-far": Mistake(
        TOKEN_LINE + "nonsense = 3\n",
        ("CONF:7: [app] has no option nonsense",)),
    "value-near": Mistake(
        TOKEN_LINE + "[log]\nlevel = warn\n",
        ('CONF:8: [log] level must be one of: error warning info debug, not '
         '"warn": did you mean warning?',)),
    "value-nearer": Mistake(
        TOKEN_LINE + "[log]\nlevel = wraning\n",
        ('CONF:8: [log] level must be one of: error warning info debug, not '
         '"wraning": did you mean warning?',)),
    "given-twice": Mistake(
        TOKEN_LINE + "application_token = def\n",
        ("CONF:7: [app] application_token is already given in line 6",)),
    "before-any-section": Mistake(
        "workers = 4\n" + TOKEN_LINE + PLACES,
        ("CONF:1: workers stands before any [section]",), whole=True),
    "no-equals-sign": Mistake(
        TOKEN_LINE + "connectors a b\n", ("CONF:7: " + LINE,)),
    "open-bracket": Mistake(
        TOKEN_LINE + "[log\nlevel = info\n", ("CONF:7: " + SECTION,)),
    "a-section-without-url": Mistake(
        TOKEN_LINE + "[connector a]\n",
        ("CONF:7: [connector a] needs url, or a name to be registered by",)),
    "all-of-it": Mistake(
        "[app]\napplication_token = 'abc'\nconectors = a\n[server]\n"
        "workers = 0\n[sotre]\nurl = x\n[log]\nlevel = info\nto = file\n",
        ("CONF:7: [app] has no option conectors: did you mean connectors?",
         'CONF:9: [server] workers must be a number from 1 to 4096, not "0"',
         "CONF:10: [sotre] is no known section: did you mean [store]?",
         'CONF:14: [log] to must be one of: stderr syslog, not "file"',
         "CONF:6: [app] application_token is in quotes, which is taken as "
         "part of it: take the quotes away")),
    # URLs
    "spool-not-absolute": Mistake(
        TOKEN_LINE + "[store]\nurl = sqlite:VAR/q.db\n"
        "[channel]\nurl = spool:var/spool\n",
        ("CONF:6: [channel] url needs an absolute path, as in "
         "spool:/var/spool/imconnector",), whole=True),
    "store-not-absolute": Mistake(
        TOKEN_LINE + "[store]\nurl = sqlite:queue.db\n"
        "[channel]\nurl = null:\n",
        ("CONF:4: [store] url needs an absolute path, as in "
         "sqlite:/var/lib/imconnector/queue.db",),
        whole=True, args=("--user", "USER")),
    "password-in-a-url": Mistake(
        TOKEN_LINE + "[connector a]\nurl = https://me:geheim@localhost/x\n",
        ("CONF:8: [connector a] url: this is no URL that can be called",)),
    "endpoint-by-http": Mistake(
        TOKEN_LINE + "client_endpoint = http://localhost/rest/\n",
        ("CONF:7: [app] client_endpoint is plain http and app.insecure_http "
         "is no",)),
    "endpoint-with-a-query": Mistake(
        TOKEN_LINE + "client_endpoint = https://localhost/rest/?auth=geheim\n",
        ("CONF:7: [app] client_endpoint is no http(s) URL of a REST "
         "endpoint",)),
    # what does not go together
    "example-token": Mistake(
        "[app]\napplication_token = PUT-THE-TOKEN-HERE\n",
        ("CONF:6: warning: [app] application_token is still that of the "
         "example: every event gets 403. Put in the token from the "
         "application's page in Bitrix24",), 0),
    "no-token": Mistake(
        "", ("CONF: warning: [app] no application_token is known: every event "
             "gets 403. Set application_token, or client_id and client_secret "
             "and install the application",), 0),
    "id-without-secret": Mistake(
        TOKEN_LINE + "client_id = local.1\noauth_servers = localhost\n",
        ("CONF:7: [app] client_id has no effect without client_secret: " +
         BOTH,)),
    "secret-without-id": Mistake(
        TOKEN_LINE + "client_secret = geheim\n",
        ("CONF:7: [app] client_secret has no effect without client_id: " +
         BOTH,)),
    "connector-not-listed": Mistake(
        TOKEN_LINE + "connectors = one two\n[connector ONE]\nurl = null:\n"
        "[connector three/5]\nurl = null:\n",
        ("CONF:10: warning: [connector three] is not listed in "
         "app.connectors: its events are ignored. Add it to connectors",), 0),
    "burst-too-small": Mistake(
        TOKEN_LINE + "[portal]\nburst = 3\n",
        ("CONF:8: warning: [portal] burst is not larger than rate + 1: "
         "Bitrix24's limit may be exceeded. Set burst to 4 at least",), 0),
    "timeout-of-a-spool": Mistake(
        "timeout = 5\n" + TOKEN_LINE,
        ("CONF:5: [channel] " + TIMEOUT,)),
    "timeout-of-null": Mistake(
        TOKEN_LINE + "[connector a]\nurl = null:\ntimeout = 5\n",
        ("CONF:9: [connector a] " + TIMEOUT,)),
    "timeout-for-others": Mistake(
        "timeout = 5\n" + TOKEN_LINE + "[connector a]\n"
        "url = http://localhost/\n", (), 0),
    # hosts
    "channel-host": Mistake(
        TOKEN_LINE + f"[connector a]\nurl = https://{NOBODY}/x?key=geheim\n",
        (f"CONF:8: warning: [connector a] url: host {NOBODY}: {NO_ADDRESS}",),
        0),
    "endpoint-host": Mistake(
        TOKEN_LINE + f"client_endpoint = https://{NOBODY}/rest/\n",
        (f"CONF:7: warning: [app] client_endpoint: host {NOBODY}: "
         f"{NO_ADDRESS}",), 0),
    "oauth-host": Mistake(
        TOKEN_LINE + "client_id = x\nclient_secret = geheim\n"
        f"oauth_servers = localhost {NOBODY}:8443\n",
        (f"CONF:9: warning: [app] oauth_servers: host {NOBODY}: "
         f"{NO_ADDRESS}",), 0),
    "proxy-host": Mistake(
        TOKEN_LINE + f"[portal]\nproxy = http://me:geheim@{NOBODY}:3128\n",
        (f"CONF:8: warning: [portal] proxy: host {NOBODY}: {NO_ADDRESS}",),
        0),
    # files that are read
    "ca-missing": Mistake(
        TOKEN_LINE + "ca_file = ETC/ca.pem\n",
        ("CONF:7: ca_file ETC/ca.pem: No such file or directory",)),
    "ca-is-no-ca": Mistake(
        TOKEN_LINE + "ca_file = ETC/ca.pem\n",
        ("CONF:7: ca_file ETC/ca.pem: there is no certificate in it (PEM, "
         "-----BEGIN CERTIFICATE-----)",),
        prepare=written("ETC/ca.pem", "none\n")),
    "ca-is-broken": Mistake(
        TOKEN_LINE + "ca_file = ETC/ca.pem\n",
        ("CONF:7: ca_file ETC/ca.pem: its certificate number 1 cannot be "
         "read",), prepare=written("ETC/ca.pem", CERTIFICATE)),
    "ca-is-a-folder": Mistake(
        TOKEN_LINE + "ca_file = ETC\n",
        ("CONF:7: ca_file ETC: Is a directory",)),
    "ca-with-a-note": Mistake(
        TOKEN_LINE + "ca_file = ETC/ca.pem # ours\n",
        ('CONF:7: [app] ca_file is with a note behind, which is taken as '
         'part of it: a note begins with " ;", or stands on a line of its '
         'own',)),
    "secret-missing": Mistake(
        "[app]\napplication_token_file = ETC/token\n",
        ("CONF:6: [app] application_token_file cannot be read: No such file "
         "or directory: ETC/token",)),
    "secret-empty": Mistake(
        TOKEN_LINE + "client_id = x\nclient_secret_file = ETC/secret\n"
        "oauth_servers = localhost\n",
        ("CONF:8: [app] client_secret_file cannot be read: it is empty",),
        prepare=written("ETC/secret", "\n")),
    "store-is-a-folder": Mistake(
        TOKEN_LINE,
        ("CONF:2: store VAR/queue.db: Is a directory",),
        prepare=own("VAR/queue.db")),
    "spool-is-a-file": Mistake(
        TOKEN_LINE, ("CONF:4: spool VAR/spool: Not a directory",),
        prepare=written("VAR/spool", "")),
    "spool-two-levels": Mistake(
        TOKEN_LINE + "[connector a]\nurl = spool:VAR/a/b\n",
        ("CONF:8: spool VAR/a/b: USER cannot create it (No such file or "
         "directory); VAR belongs to USER, mode 0755. Run: install -d -o "
         "USER -g GROUP -m 0750 VAR/a/b",)),
    "program-missing": Mistake(
        TOKEN_LINE + "[connector a]\nurl = exec:ETC/deliver\n",
        ("CONF:8: program ETC/deliver: No such file or directory",)),
    "secret-of-a-spool": Mistake(
        TOKEN_LINE + "[connector a]\nurl = spool:VAR/a\n"
        "secret = geheimgeheimgeheimgeheimgeheim\n",
        ("CONF:9: [connector a] secret: only http:// and https:// are "
         "signed",)),
    "hook-secret-in-quotes": Mistake(
        TOKEN_LINE + "[connector a]\nurl = https://localhost/\n"
        'secret = "geheimgeheimgeheimgeheimgeheim"\n',
        ("CONF:9: [channel] secret is in quotes, which is taken as part of "
         "it: take the quotes away",)),
    # which file is read at all, and as whom
    "no-such-file": Mistake(
        "", ("/nowhere.conf: cannot be read: No such file or directory",),
        args=("--config", "/nowhere.conf"), whole=True),
    "file-is-a-folder": Mistake(
        "", ("ETC: cannot be read: it is not a regular file",),
        args=("--config", "ETC"), whole=True),
    "no-such-user": Mistake(
        TOKEN_LINE, ("imconnectorctl: --user nobdy: there is no such user",
                     "Try 'imconnectorctl help'."), USAGE,
        args=("--user", "nobdy")),
}
CHGRP = "chgrp GROUP {0} && chmod g+r {0}"
DENIALS = {         # the same, of what belongs to root
    "ca-denied": Mistake(
        TOKEN_LINE + "ca_file = ETC/ca.pem\n",
        ("CONF:7: ca_file ETC/ca.pem: USER cannot read it " +
         belongs("0600") + ". Run: " + CHGRP.format("ETC/ca.pem"),),
        prepare=roots("ETC/ca.pem", 0o600)),
    "secret-denied": Mistake(
        TOKEN_LINE + "client_id = x\nclient_secret_file = ETC/secret\n"
        "oauth_servers = localhost\n",
        ("CONF:8: [app] client_secret_file ETC/secret: USER cannot read it " +
         belongs("0600") + ". Run: " + CHGRP.format("ETC/secret"),),
        prepare=roots("ETC/secret", 0o600)),
    "configuration-denied": Mistake(
        TOKEN_LINE, ("CONF: the configuration: USER cannot read it " +
                     belongs("0600") + ". Run: " + CHGRP.format("CONF"),),
        prepare=lambda site: site.config_file.chmod(0o600)),
    "store-folder-missing": Mistake(
        TOKEN_LINE + "[store]\nurl = sqlite:ETC/new/q.db\n"
        "[channel]\nurl = null:\n",
        ("CONF:4: store ETC/new: USER cannot create it (Permission denied); "
         "ETC belongs to root, mode 0755. Run: install -d -o USER -g GROUP "
         "-m 0750 ETC/new",), whole=True, args=("--user", "USER")),
    "store-folder-denied": Mistake(
        TOKEN_LINE + "[store]\nurl = sqlite:ETC/q.db\n"
        "[channel]\nurl = null:\n",
        ("CONF:4: store ETC: USER cannot write into ETC " + belongs("0755") +
         ". Run: chown USER:GROUP ETC",), whole=True,
        args=("--user", "USER")),
    "store-folder-closed": Mistake(
        TOKEN_LINE + "[store]\nurl = sqlite:ETC/closed/in/q.db\n"
        "[channel]\nurl = null:\n",
        ("CONF:4: store ETC/closed/in: USER cannot enter ETC/closed " +
         belongs("0700") + ". Run: chgrp GROUP ETC/closed && chmod g+x "
         "ETC/closed",), whole=True, args=("--user", "USER"),
        prepare=several(roots("ETC/closed", 0o700, True),
                        own("ETC/closed/in"))),
    "store-denied": Mistake(
        TOKEN_LINE,
        ("CONF:2: store VAR/queue.db: USER cannot write it " +
         belongs("0640") + ". Run: chown USER:GROUP VAR/queue.db",),
        prepare=roots("VAR/queue.db", 0o640)),
    "lock-denied": Mistake(
        TOKEN_LINE,
        ("CONF:2: store VAR/queue.db.lock: USER cannot write it " +
         belongs("0644") + ". Run: chown USER:GROUP VAR/queue.db.lock",),
        prepare=roots("VAR/queue.db.lock", 0o644)),
    "log-of-the-store-denied": Mistake(
        TOKEN_LINE,
        ("CONF:2: store VAR/queue.db-wal: USER cannot write it " +
         belongs("0600") + ". Run: chown USER:GROUP VAR/queue.db-wal",),
        prepare=roots("VAR/queue.db-wal", 0o600)),
    "spool-missing": Mistake(
        TOKEN_LINE + "[connector a]\nurl = spool:ETC/spool\n",
        ("CONF:8: spool ETC/spool: USER cannot create it (Permission "
         "denied); ETC belongs to root, mode 0755. Run: install -d -o USER "
         "-g GROUP -m 0750 ETC/spool",)),
    "spool-denied": Mistake(
        TOKEN_LINE,
        ("CONF:4: spool VAR/spool: USER cannot write into VAR/spool " +
         belongs("0755") + ". Run: chown USER:GROUP VAR/spool",),
        prepare=roots("VAR/spool", 0o755, True)),
    "spool-tmp-denied": Mistake(
        TOKEN_LINE,
        ("CONF:4: spool VAR/spool/tmp: USER cannot write into VAR/spool/tmp " +
         belongs("0755") + ". Run: chown USER:GROUP VAR/spool/tmp",),
        prepare=several(own("VAR/spool"),
                        roots("VAR/spool/tmp", 0o755, True))),
    "spool-new-denied": Mistake(
        TOKEN_LINE,
        ("CONF:4: spool VAR/spool/new: USER cannot write into VAR/spool/new " +
         belongs("0750") + ". Run: chown USER:GROUP VAR/spool/new",),
        prepare=several(own("VAR/spool"),
                        roots("VAR/spool/new", 0o750, True))),
    "nobodys-folder": Mistake(
        TOKEN_LINE + "[store]\nurl = sqlite:ETC/new/q.db\n"
        "[channel]\nurl = null:\n",
        ("CONF: warning: this was checked as root: the store's folder is not "
         "another user's, so nothing tells who the handler is. Name its user "
         "with --user",), 0, whole=True),
}


def user_names():
    """The handler's user and its group."""
    user = web_user()
    entry = pwd.getpwnam(user[0]) if user else pwd.getpwuid(os.getuid())
    group = subprocess.run(["id", "-gn", entry.pw_name], text=True,
                           capture_output=True, check=True).stdout.strip()
    return entry.pw_name, group


def filled(text, site):
    """With the paths and names of this site."""
    user, group = user_names()
    for word, value in {"CONF": site.config_file, "VAR": site.var,
                        "ETC": site.folder / "etc", "USER": user,
                        "GROUP": group}.items():
        text = re.sub(rf"\b{word}\b", str(value), text)
    return text


def tree(site):
    """Every path below the site, with what a mistake could change of it."""
    return {str(p): (p.lstat().st_mode, p.lstat().st_uid, p.lstat().st_size)
            for p in site.folder.rglob("*")}


@pytest.fixture
def site(start):
    """A site without a running handler."""
    return start("cgi").site


def make(site, mistake):
    """Makes it; what check says of it, and its exit code."""
    text = mistake.text if mistake.whole else PLACES + mistake.text
    site.config_file.write_text(filled(text, site))
    if mistake.prepare:
        mistake.prepare(site)
    before = tree(site)
    done = site.ctl("check", *(filled(a, site) for a in mistake.args))
    assert tree(site) == before
    return done


def without_why(text):
    """What the system says of a name depends on the system."""
    return re.sub(r"no address now \([^)]*\)", "no address now (WHY)", text)


def assert_told(site, mistake):
    """All of it, in these words, and with this code."""
    done = make(site, mistake)
    said = without_why(done.stderr).splitlines()
    fine = f"imconnectorctl: {site.config_file}: the configuration is fine"
    if mistake.code == 0:
        assert said and said.pop().startswith(fine), done
        assert done.stdout.startswith("[app]\n")
    else:
        assert not done.stdout
    assert said == [filled(line, site) for line in mistake.said], done.stderr
    assert done.returncode == mistake.code
    assert "geheim" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake(site, name):
    assert_told(site, MISTAKES[name])


@needs_root
@pytest.mark.parametrize("name", DENIALS)
def test_what_another_owns(site, name):
    assert_told(site, DENIALS[name])


def test_nothing_wrong(site):
    assert_told(site, Mistake(TOKEN_LINE, (), 0))


@needs_root
@pytest.mark.parametrize("name", [
    "all-of-it", "store-denied", "spool-missing", "channel-host",
    "timeout-for-others"])
def test_json_has_the_same(site, name):
    mistake = {**MISTAKES, **DENIALS}[name]
    done = make(site, mistake._replace(args=(*mistake.args, "--json")))
    told = json.loads(done.stdout)
    assert done.returncode == mistake.code and not done.stderr
    assert told["file"] == str(site.config_file)
    assert told["user"] == user_names()[0]
    lines = []
    for f in told["findings"]:
        line = f":{f['line']}" if "line" in f else ""
        text = f"{told['file']}{line}: " + \
            ("warning: " if f["level"] == "warning" else "") + f["what"]
        text += f": {f['why']}" if f["why"] else ""
        lines.append(text + (f". Run: {f['run']}" if f["run"] else ""))
    assert [without_why(x) for x in lines] == \
        [filled(x, site) for x in mistake.said]
    assert told["errors"] == sum(f["level"] == "error"
                                 for f in told["findings"])


@needs_root
@pytest.mark.parametrize("name", [
    n for n, m in DENIALS.items() if "install -d" in m.said[0] or
    "chown" in m.said[0] or "chgrp" in m.said[0]])
def test_the_command_mends_it(site, name):
    """What is said to be run is run, and that is all there was."""
    mistake = DENIALS[name]
    text = make(site, mistake).stderr
    command = re.search(r"\. Run: (.*)", text)[1]
    subprocess.run(["sh", "-c", command], check=True)
    args = [filled(a, site) for a in mistake.args]
    left = site.ctl("check", *args).stderr
    # what was a file of one letter is no store, and no certificate
    assert "Permission denied" not in left, left


@needs_root
def test_who_is_not_root_checks_as_himself(site):
    site.config_file.write_text(filled(PLACES + TOKEN_LINE, site))

    def check(*args):
        return subprocess.run(
            [site.folder / "bin" / "imconnectorctl", "check", *args],
            env=site.environment, capture_output=True, text=True,
            check=False, **as_user())
    assert check().returncode == 0
    assert check("--user", user_names()[0]).returncode == 0
    done = check("--user", "root")
    assert done.returncode == USAGE
    assert done.stderr.startswith(
        "imconnectorctl: --user root: only root can check as another user. "
        "Run: sudo imconnectorctl check --user root\n")


# -- a store of another user

def stored(start):
    """A site with one message."""
    server = start("cgi")
    assert server.post(as_form(event())).status in (200, 202)
    server.settle()
    return server.site


def as_other(site, name, *args):
    """imconnectorctl as a user of that name."""
    entry = pwd.getpwnam(name)
    return subprocess.run(
        [site.folder / "bin" / "imconnectorctl", *args],
        env=site.environment, capture_output=True, text=True, check=False,
        user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])


@needs_root
@pytest.mark.parametrize("name, what", [
    ("queue.db", "the store"), ("queue.db.lock", "the store's lock")])
def test_a_file_of_roots(start, name, what):
    """Root, too, works as the owner of the folder, and names the file."""
    site = stored(start)
    path = site.var / name
    os.chown(path, 0, 0)
    path.chmod(0o600)
    done = site.ctl("stats")
    if name == "queue.db":
        assert done.returncode == IO_ERROR and not done.stdout
        assert done.stderr == filled(
            f"imconnectorctl: cannot open {what} {path}: USER cannot write it "
            f"{belongs('0600')}. Run: chown USER:GROUP {path}\n", site)
    else:
        assert done.returncode == IO_ERROR
        assert filled(f"cannot open {what} {path}: USER cannot write it "
                      f"{belongs('0600')}. Run: chown USER:GROUP {path}",
                      site) in done.stderr


@needs_root
def test_a_stranger_is_told_as_whom_to_work(start):
    site = stored(start)
    user = user_names()[0]
    site.var.chmod(0o700)
    done = as_other(site, "nobody", "queue", "list")
    assert done.returncode == IO_ERROR and not done.stdout
    assert done.stderr == filled(
        f"imconnectorctl: cannot open the store VAR/queue.db: nobody cannot "
        f"enter VAR {DENIED}; it belongs to {user}, mode 0700. Run: sudo -u "
        f"{user} imconnectorctl ...\n", site)


@needs_root
@pytest.mark.parametrize("args", [
    ("stats",), ("queue", "list"), ("retry",), ("purge",), ("check",)])
def test_root_leaves_nothing_of_his_own(start, args):
    site = stored(start)
    for path in site.var.glob("queue.db-*"):
        path.unlink()
    assert site.ctl(*args).returncode == 0
    uid = pwd.getpwnam(user_names()[0]).pw_uid
    assert {p.stat().st_uid for p in site.var.rglob("*")} == {uid}


# -- the handler at its start

def log_of(server, event_name):
    """The log lines of one event."""
    return [line for line in server.log().splitlines()
            if f" event={event_name} " in line + " "]


def test_the_handler_says_the_same_and_goes_on(start):
    def prepare(site):
        site.config_file.write_text(filled(
            PLACES + "timeout = 5\n" + TOKEN_LINE +
            "[connector a]\nurl = spool:VAR/a/b\n", site))
    server = start("fcgi", prepare=prepare)
    wait_until(lambda: len(log_of(server, "configuration")) >= 2)
    first, second = log_of(server, "configuration")
    conf = server.site.config_file
    assert f'level=error event=configuration file={conf} line=5 ' \
        f'what="[channel] timeout has no effect" reason="only ' in first
    assert f'level=error event=configuration file={conf} line=9 what="spool ' \
        f'{server.site.var}/a/b" reason="' in second
    assert f'run="install -d ' in second
    assert server.post(as_form(event(
        application_token="abc"))).status in (200, 202)


def test_a_handler_that_cannot_start_says_all(site):
    site.config_file.write_text(filled(
        PLACES + "[server]\nworkers = 0\n[sotre]\nurl = x\n", site))
    with open(os.devnull, "rb") as null:
        done = subprocess.run(
            ["spawn-fcgi", "-n", "-s", site.folder / "run" / "s", "--",
             site.handler], env=site.environment, stdin=null,
            capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == CONFIG
    conf = site.config_file
    assert f"imconnector.fcgi: {conf}:6: [server] workers must be" in \
        done.stderr
    assert f'file={conf} line=7 what="[sotre] is no known section: did you ' \
        f'mean [store]?"' in done.stderr


# -- reasons of what fails while it runs

def reason_of(server):
    """Why the one message waits, in the queue and in the log."""
    server.settle()
    one, = server.site.queue()
    assert one["reason"] in server.log().replace('\\"', '"')
    return one["reason"]


@pytest.mark.parametrize("status, todo", [
    (401, "; it does not let us in: look at url"),
    (404, "; nothing takes messages there: look at url"),
    (302, "; redirects are not followed: set url to where it leads"),
    (503, "; its own log says why"), (422, "")])
def test_a_channel_that_says_no(start, channel, status, todo):
    channel.always(f"status:{status}")
    server = start(channel={"url": f"{channel.url}in/x?key=geheim"})
    assert server.post(as_form(event())).status == 202
    assert reason_of(server) == \
        f"channel: HTTP status {status} from {channel.url}in/x{todo}"
    assert "geheim" not in server.log()


def test_a_channel_that_is_not_there(start):
    with Receiver() as gone:
        url = gone.url
    port = int(re.search(r":(\d+)", url)[1])
    server = start(channel={"url": f"{url}in?key=geheim"})
    assert server.post(as_form(event())).status == 202
    assert reason_of(server) == (
        f"channel: 127.0.0.1:{port}: Failed to connect to 127.0.0.1 port "
        f"{port}: Couldn't connect to server; is it running, and does a "
        "firewall let us through?")


def test_a_channel_without_an_address(start):
    server = start(channel={"url": f"https://{NOBODY}/in?key=geheim"})
    assert server.post(as_form(event())).status == 202
    assert reason_of(server) == (
        f"channel: {NOBODY}: Could not resolve host: {NOBODY}; look at the "
        "name, and at /etc/resolv.conf")


@pytest.mark.parametrize("kind, said, todo", [
    ("expired", "SSL certificate problem: certificate has expired; the "
     "certificate of expired is valid from 2020-01-01 to 2021-01-01",
     "the certificate must be renewed, or the clock set"),
    ("wronghost", "SSL: no alternative certificate subject name matches "
     "target host name '127.0.0.1'; the certificate of wronghost is valid "
     "from 2020-01-01 to 2045-01-01", None),
    ("untrusted", "SSL certificate problem: unable to get local issuer "
     "certificate; the certificate of untrusted is valid from 2020-01-01 to "
     "2045-01-01", "a CA of your own must be known: to Bitrix24 by "
     "app.ca_file, else to this system")])
def test_a_certificate(start, authority, kind, said, todo):
    """Of the portal: whose it is, its days, and what the clock says."""
    from standin import Portal      # pylint: disable=import-outside-toplevel
    with Portal(authority.context(kind)) as portal:
        portal.add_token(events.ACCESS)
        server = start(app={"insecure_http": "no",
                            "ca_file": authority.ca_file})
        assert server.post(as_form(event(
            endpoint=portal.endpoint))).status == 202
        server.settle()
        told = re.search(r'reason="(Bitrix24: .*?)"', server.log())[1]
    port = int(re.search(r":(\d+)", portal.endpoint)[1])
    pattern = re.escape(f"Bitrix24: 127.0.0.1:{port}: {said}, and the clock "
                        "here says ") + r"20\d\d-\d\d-\d\d \d\d:\d\d UTC"
    if todo:
        pattern += re.escape("; " + todo)
    assert re.match(pattern + ("$" if todo else ""), told), told


@needs_root
def test_a_store_that_is_denied(start):
    """The log says whose it is; who sent the event does not learn it."""
    server = start()
    os.chown(server.site.var, 0, 0)
    answer = server.post(as_form(event()))
    assert answer.status == 503
    assert "root" not in answer.body.decode()
    wait_until(lambda: log_of(server, "store-failed"))
    assert filled(f"cannot open the store VAR/queue.db: USER cannot write "
                  f"into VAR {belongs('0755')}. Run: chown USER:GROUP VAR",
                  server.site) in log_of(server, "store-failed")[0]


@needs_root
def test_a_spool_that_is_denied(start):
    server = start(channel={"url": "spool:/root/spool"})
    assert server.post(as_form(event())).status == 202
    assert reason_of(server) == filled(
        f"spool: /root/spool: USER cannot enter /root {DENIED}; it belongs "
        "to root, mode 0700. Run: chgrp GROUP /root && chmod g+x /root",
        server.site)


# -- who is refused, and what has no token left

def test_a_403_names_the_portal(start, portal):
    server = start()
    assert server.post(as_form(event(application_token="wrong",
                                     endpoint=portal.endpoint))).status == 403
    server.settle()
    line, = [x for x in log_of(server, "answered") if "status=403" in x]
    assert 'portal="it is not installed here, and the event has another ' \
        'token than app.application_token"' in line
    assert re.search(r" member_id=\w+ domain=\S+", line), line
    assert "wrong" not in server.log()


def test_a_token_that_expired_for_good(start, portal):
    """Without client_id nothing can get another."""
    portal.always("error:expired_token")
    server = start()
    assert server.post(as_form(event(endpoint=portal.endpoint))).status == 202
    server.settle()
    line, = log_of(server, "token-expired")
    advice = "set client_id and client_secret in [app], and install the " \
        "application in Bitrix24"
    assert "level=error" in line and f'advice="{advice}"' in line
    assert advice in reason_of(server)
