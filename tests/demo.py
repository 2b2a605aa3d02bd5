#!/usr/bin/python3
"""`make demo`: the main job, seen from both ends, on this machine only.

Starts a stand-in for Bitrix24, nginx and the handler on free ports and in a
temporary folder. The application installs itself there, an administrator
switches its connector on by the settings page, and an operator writes: shown
are the calls to Bitrix24, the page, what the channel got, and the answers.
Then the documented event is posted as a form and as JSON, through plain CGI
too. Ends with 0 only if all of it happened.
"""

import json
import pathlib
import re
import sys
import textwrap

TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]

# pylint: disable=wrong-import-position
import events  # noqa: E402
import opening  # noqa: E402
import servers  # noqa: E402
import several  # noqa: E402
from site_folder import merged, wait_until  # noqa: E402
from standin import Portal  # noqa: E402

BOLD, DIM, OFF = ("\033[1m", "\033[2m", "\033[0m") \
    if sys.stdout.isatty() else ("", "", "")


class Wrong(Exception):
    """Something that should have happened did not."""


def expect(true, what):
    """Ends the demo if it is not true."""
    if not true:
        raise Wrong(what)


def show(title, text):
    """A titled, indented paragraph."""
    print(f"  {BOLD}{title}{OFF}")
    for line in text.splitlines():
        print(textwrap.fill(line, 96, initial_indent="    ",
                            subsequent_indent="    ", break_on_hyphens=False))
    print()


def short(text, most=480):
    """Its beginning."""
    return text if len(text) <= most else text[:most] + " ..."


def show_call(call):
    """What Bitrix24 was told, but for the token."""
    hidden = {**call.params, "auth": call.params.get("auth", "")[:8] + "..."}
    show(f"Bitrix24 was told: POST {call.path}", json.dumps(hidden))


def journey(server, portal, media, spell, message_id):
    """Posts one event and follows it; the parts that must be there."""
    event = events.event(events.message(message_id), endpoint=portal.endpoint)
    before = len(portal.deliveries)
    show(f"Bitrix24 posts (Content-Type: {media})",
         short(spell(event).decode()))
    answer = server.post(spell(event), media)

    files = [p for p in server.site.spooled()
             if json.loads(p.read_bytes())["im"]["message_id"] == message_id]
    expect(len(files) == 1, f"{len(files)} message files instead of one")
    show(f"the channel got the file {files[0].name}",
         files[0].read_text())

    expect(len(portal.deliveries) == before + 1, "no call to Bitrix24")
    call = portal.deliveries[-1]
    show_call(call)
    show(f"the answer to the event: {answer.status}", answer.body.decode())
    expect(answer.status == 200, f"status {answer.status}")
    expect(answer.json == {"result": "acknowledged", "messages": 1,
                           "acknowledged": 1}, "another answer")
    check_object(json.loads(files[0].read_bytes()), message_id)
    check_call(call, message_id, files[0].name)


def check_object(got, message_id):
    """Whether the channel got what was written."""
    expect(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", got["key"]), "a bad key")
    wanted = events.message(message_id)
    for part in ("im", "message", "chat"):
        expect(got[part] == wanted[part], f"{part} is another one")
    expect((got["event"], got["connector"], got["line"]) ==
           (events.ADD, "myconnector", 107), "a wrong envelope")


def check_call(call, message_id, name):
    """Whether Bitrix24 accepted the right delivery status."""
    expect(call.status == 200 and not call.error, "Bitrix24 refused the call")
    expect(call.token == events.ACCESS, "not the event's own token")
    expect((call.params["CONNECTOR"], call.params["LINE"]) ==
           ("myconnector", 107), "another connector or line")
    element, = call.params["MESSAGES"]
    expect(element["im"] == {"chat_id": 1807, "message_id": message_id},
           "another message")
    expect(element["message"]["id"] == [name], "not the channel's id")


NAME = "My connector"
FRESH = {"app": {**several.APP, "application_token": None},
         "retry": several.SOON, "connector myconnector": {"name": NAME}}


def installation(server, portal):
    """From nothing to a connector that is bound."""
    body = events.as_form(events.install(portal))
    show("Bitrix24 installs the application and posts ONAPPINSTALL",
         short(body.decode(), 160))
    answer = server.post(body)
    show(f"the answer: {answer.status}", answer.body.decode())
    expect(answer.json["result"] == "installed", "it was not proven")
    app, url = portal.application, f"http://127.0.0.1:{server.port}" \
        f"{server.url}"
    wait_until(lambda: " event=set-up " in server.log(), 30, "the set-up")
    expect(app.connectors["myconnector"]["NAME"] == NAME and
           app.handlers(events.ADD) == [url], "another set-up")
    show("by itself it calls", "\n".join(
        f"{c.rest} {c.params.get('NAME') or c.params.get('event') or ''}"
        for c in portal.calls if c.rest != "oauth"))
    return url


def switched_on(portal, url):
    """An administrator opens the settings page, and presses its button."""
    expect(portal.application.deliver(
        events.ADD, b"", "myconnector", 107) == [], "it is on already")
    page = opening.opened(url, opening.settings(portal))
    show("an administrator opens the settings of line 107", page.text)
    expect(page.status == 200 and "on" in page.buttons, "no page")
    page = opening.pressed(url, page, "on")
    show("and presses Switch on", page.text)
    expect(portal.application.works("myconnector", 107), "it is off")


def first_message(server, portal):
    """An operator writes."""
    event = events.of(portal)
    (status, body), = portal.application.deliver(
        events.ADD, events.as_form(event), "myconnector", 107)
    file, = server.site.spooled()
    show(f"an operator writes; the channel got the file {file.name}",
         file.read_text())
    expect(status == 200 and len(portal.deliveries) == 1, "it did not come")
    show_call(portal.deliveries[0])
    show(f"the answer to the event: {status}", body.decode())
    check_object(json.loads(file.read_bytes()), 86497)


def from_nothing():
    """The way of a new installation."""
    print(f"{BOLD}== from nothing to the first message{OFF}\n")
    with several.Portals() as portals:
        portal = portals()
        server = servers.Nginx(merged(servers.CONFIG, FRESH))
        try:
            server.start()
            switched_on(portal, installation(server, portal))
            first_message(server, portal)
        except (Wrong, AssertionError, OSError):
            print(server.log(), file=sys.stderr)
            raise
        finally:
            server.stop()


def through(kind, title):
    """One server, the event in both spellings."""
    print(f"{BOLD}== {title}{OFF}\n")
    with Portal() as portal:
        portal.add_token(events.ACCESS)
        server = kind(servers.CONFIG)
        try:
            server.start()
            journey(server, portal, events.FORM, events.as_form, 86497)
            journey(server, portal, events.JSON, events.as_json, 86498)
        except (Wrong, AssertionError, OSError):
            print(server.log(), file=sys.stderr)
            raise
        finally:
            server.stop()
        expect(not portal.violations, f"violations: {portal.violations}")


def main():
    """All of it."""
    try:
        from_nothing()
        through(servers.Nginx, "nginx -> FastCGI (spawn-fcgi) -> handler")
        through(servers.Cgi, "plain CGI: one process per event")
    except (Wrong, AssertionError, RuntimeError, OSError) as e:
        print(f"demo: {type(e).__name__}: {e}", file=sys.stderr)
        return 1
    print(f"{BOLD}All of it happened; nothing is left running.{OFF}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
