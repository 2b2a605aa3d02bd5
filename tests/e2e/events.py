"""Events as Bitrix24 sends them, and the two spellings of a body.

documented() and friends build events as Python structures; as_json() and
as_form() spell them. as_form() follows PHP's http_build_query: null and empty
arrays vanish, true is 1 and false 0, lists get their indexes, brackets come as
%5B %5D and a space as +. Used by every end-to-end test and by the demo.
"""

import json
import urllib.parse

TOKEN = "5f0c2a7be19d4836a1c4e0b7d2935f68"          # application_token
ACCESS = "e1b6079200000a3f0000001b00000f00a1d2c3"   # access_token
MEMBER = "3a9d51f07c2e4b86950d8f1e6a7b2c43"

ADD = "ONIMCONNECTORMESSAGEADD"
UPDATE = "ONIMCONNECTORMESSAGEUPDATE"
DELETE = "ONIMCONNECTORMESSAGEDELETE"

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def message(message_id=86497, text="[b]Samantha Johnson:[/b] [br]Good "
            "afternoon!", chat_id=1807, chat="channel-123", user_id=27,
            **more):
    """One element of MESSAGES; `more` goes into its message part."""
    return {"im": {"chat_id": chat_id, "message_id": message_id},
            "message": {"user_id": user_id, "text": text, **more},
            "chat": {"id": chat}}


def auth(endpoint="https://some-domain.bitrix24.com/rest/", **changes):
    """The auth part; a change to ... leaves that field out."""
    fields = {
        "access_token": ACCESS, "expires": 1773762761, "expires_in": 3600,
        "scope": "imconnector, imopenlines",
        "domain": "some-domain.bitrix24.com",
        "server_endpoint": "https://oauth.bitrix24.tech/rest/",
        "status": "F", "client_endpoint": endpoint, "member_id": MEMBER,
        "user_id": 27, "application_token": TOKEN, **changes}
    return {k: v for k, v in fields.items() if v is not ...}


def event(*messages, name=ADD, connector="myconnector", line=107, **of_auth):
    """An event with these elements (or the documented one); `of_auth` goes
    to auth()."""
    return {"event": name, "event_handler_id": 555,
            "data": {"CONNECTOR": connector, "LINE": line,
                     "MESSAGES": list(messages) or [message()]},
            "ts": 1773759161, "auth": auth(**of_auth)}


def update(message_id=86497, ids=("ext-1",), text="[b]Samantha Johnson:[/b] "
           "[br]Good evening!", **of_auth):
    """A documented Update of one message."""
    element = {"im": {"chat_id": 1807, "message_id": message_id},
               "message": {"id": list(ids), "text": text},
               "chat": {"id": "channel-123"}}
    return event(element, name=UPDATE, **of_auth)


def delete(*message_ids, key="MESSAGES", **of_auth):
    """A documented Delete; old portals say DATA for MESSAGES."""
    elements = [{"im": {"chat_id": 1807, "message_id": i},
                 "message": {"id": f"ext-{i}"},
                 "chat": {"id": "channel-123"}} for i in message_ids]
    value = event(name=DELETE, **of_auth)
    del value["data"]["MESSAGES"]
    value["data"][key] = elements
    return value


# -- of one of several portals (standin.Portal)

def of(portal, *messages, **more):
    """An event that this portal sends."""
    return event(*messages, **{"endpoint": portal.endpoint,
                               "member_id": portal.member_id,
                               "server_endpoint": portal.endpoint, **more})


def tokenless(portal, *messages, **more):
    """One with no user behind it: no tokens come along."""
    return of(portal, *messages, access_token=..., expires=...,
              expires_in=..., scope=..., status=..., user_id=..., **more)


def install(portal, ts=1773759161, **of_auth):
    """The installation on this portal, with a fresh refresh token."""
    value = of(portal, **{"access_token": portal.add_token(),
                          "refresh_token": portal.add_refresh_token(),
                          **of_auth})
    value.update(event="ONAPPINSTALL", ts=ts, data={
        "VERSION": "1", "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "en"})
    return value


def uninstall(portal, **of_auth):
    """The removal: application_token is the only proof."""
    value = tokenless(portal, **of_auth)
    value.update(event="ONAPPUNINSTALL",
                 data={"CLEAN": "1", "LANGUAGE_ID": "en"})
    return value


# -- spelling

def pairs(value, name=""):
    """(name, text) of every value that http_build_query would write."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    elif value is None:
        return
    elif isinstance(value, bool):
        yield name, "1" if value else "0"
        return
    else:
        yield name, str(value)
        return
    for key, inner in items:
        yield from pairs(inner, f"{name}[{key}]" if name else str(key))


def quote(text):
    """PHP's urlencode: also ~ is escaped."""
    return urllib.parse.quote_plus(text).replace("~", "%7E")


def as_form(value, bare=False):
    """A body as Bitrix24 sends it; `bare` leaves the brackets of names."""
    def name(text):
        name = quote(text)
        return name.replace("%5B", "[").replace("%5D", "]") if bare else name
    return "&".join(f"{name(k)}={quote(v)}" for k, v in pairs(value)).encode()


def as_json(value, **options):
    """The body as the documents show it."""
    options = {"ensure_ascii": False, "separators": (",", ":"), **options}
    return json.dumps(value, **options).encode("utf-8")


def reordered(value, order=sorted):
    """The same structure with every object's keys in another order."""
    if isinstance(value, dict):
        return {k: reordered(value[k], order) for k in order(value)}
    if isinstance(value, list):
        return [reordered(v, order) for v in value]
    return value


def envelope_reordered(value, order=sorted):
    """Another order of the outermost keys only."""
    return {k: value[k] for k in order(value)}
