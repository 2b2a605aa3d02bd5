"""An application on a stand-in portal: installation, connectors, events.

Application answers what sets a connector up (app.info, imconnector.register,
event.bind, imconnector.activate, ...) as strictly as the portal does, and is
the portal towards the handler: deliver() posts an event to the URLs that are
bound, byte by byte as they were given, once the application is installed.
"""

import dataclasses
import http.client
import urllib.parse

from .answers import error, json_answer

EVENTS = {"ONIMCONNECTORMESSAGEADD", "ONIMCONNECTORMESSAGEUPDATE",
          "ONIMCONNECTORMESSAGEDELETE", "ONIMCONNECTORDIALOGSTART",
          "ONIMCONNECTORDIALOGFINISH", "ONIMCONNECTORSTATUSDELETE",
          "ONIMCONNECTORLINEDELETE", "ONAPPINSTALL", "ONAPPUPDATE",
          "ONAPPUNINSTALL", "ONAPPTEST"}
FLAGS = {"ICON_DISABLED", "DEL_EXTERNAL_MESSAGES", "EDIT_INTERNAL_MESSAGES",
         "DEL_INTERNAL_MESSAGES", "NEWSLETTER", "NEED_SYSTEM_MESSAGES",
         "NEED_SIGNATURE", "CHAT_GROUP"}


@dataclasses.dataclass
class Binding:
    """One event handler."""

    event: str                      # in upper case
    handler: str
    auth_type: str = "0"


@dataclasses.dataclass
class Line:
    """An open line, and the connectors on it."""

    name: str
    active: str = "Y"
    connectors: dict = dataclasses.field(default_factory=dict)  # id -> data


class Application:
    """See above. Its state is plain attributes, changed at any time."""

    def __init__(self, portal):
        self.portal = portal
        self.installed = True       # what app.info says
        self.scopes = ["imopenlines", "imconnector"]
        self.version = 1
        self.connectors = {}        # id -> what it was registered with
        self.placements = []        # (id, url) of settings pages
        self.bindings = []
        self.lines = {107: Line("Sales"), 108: Line("Support", "N")}
        self.methods = {
            "app.info": self._info, "scope": self._scope,
            "event.get": self._get, "event.bind": self._bind,
            "event.unbind": self._unbind,
            "imconnector.register": self._register,
            "imconnector.unregister": self._unregister,
            "imconnector.activate": self._activate,
            "imconnector.connector.data.set": self._data,
            "imconnector.status": self._status,
            "imconnector.list": self._list,
            "imopenlines.config.list.get": self._lines,
        }

    # -- what tests do

    def update(self):
        """A new version: its handlers go, its connectors stay."""
        self.version += 1
        self.bindings.clear()

    def uninstall(self):
        """All of it goes."""
        self.installed = False
        self.bindings.clear()
        self.connectors.clear()
        self.placements.clear()
        for line in self.lines.values():
            line.connectors.clear()

    def works(self, connector, line):
        """Whether the connector is active on the line."""
        return connector in self.connectors and \
            connector in self.lines[line].connectors

    def handlers(self, event):
        """The URLs that are bound to an event, in order."""
        return [b.handler for b in self.bindings if b.event == event.upper()]

    def deliver(self, event, body, connector=None, line=None, **headers):
        """Posts the event to each URL that is bound to it: [(status, body)].
        None is if the application is not installed, or the connector is not
        active on the line."""
        if not self.installed or (connector and
                                  not self.works(connector, line)):
            return []
        return [post(url, body, **headers) for url in self.handlers(event)]

    # -- answering; each returns the result, or an Answer

    def answer(self, method, params):
        """The result, an Answer that is an error, or None: no such method."""
        method = self.methods.get(method)
        if method is None:
            return None
        return method({k.upper(): v for k, v in params.items()})

    def _info(self, _):
        return {"ID": 21, "CODE": self.portal.client_id,
                "VERSION": self.version, "STATUS": "L",
                "INSTALLED": self.installed, "PAYMENT_EXPIRED": "N",
                "DAYS": None, "LANGUAGE_ID": "en", "LICENSE": "en_basic",
                "LICENSE_TYPE": "basic"}

    def _scope(self, _):
        return self.scopes

    def _get(self, _):
        return [{"event": b.event, "handler": b.handler,
                 "auth_type": b.auth_type, "offline": 0}
                for b in self.bindings]

    def _bind(self, p):
        event, handler = str(p.get("EVENT", "")).upper(), p.get("HANDLER")
        if event not in EVENTS:
            return error("ERROR_EVENT_NOT_FOUND", 400, "Event not found")
        if not isinstance(handler, str) or \
                not urllib.parse.urlsplit(handler).netloc:
            return error("ERROR_ARGUMENT", description="HANDLER")
        bound = Binding(event, handler, str(p.get("AUTH_TYPE", "0")))
        if bound in self.bindings:
            return error("ERROR_CORE", 400, "Unable to set event handler: "
                         "Handler already binded")
        self.bindings.append(bound)
        return True

    def _unbind(self, p):
        event, handler = str(p.get("EVENT", "")).upper(), p.get("HANDLER")
        if not event or not handler:
            return error("ERROR_ARGUMENT", description="EVENT, HANDLER")
        gone = [b for b in self.bindings if (b.event, b.handler) ==
                (event, handler) and p.get("AUTH_TYPE", b.auth_type) ==
                b.auth_type]
        self.bindings = [b for b in self.bindings if b not in gone]
        return {"count": len(gone)}

    def _register(self, p):
        icon = p.get("ICON")
        image = icon.get("DATA_IMAGE") if isinstance(icon, dict) else None
        for ok, code in (
                (is_text(p.get("ID")), "CONNECTOR_ID_REQUIRED"),
                ("." not in str(p.get("ID")),
                 "APPLICATION_REGISTRATION_ERROR_POINT"),
                (is_text(p.get("NAME")), "NAME_REQUIRED"),
                (is_text(image) and image.startswith("data:image/"),
                 "ICON_REQUIRED"),
                (is_text(p.get("PLACEMENT_HANDLER")),
                 "NO_PLACEMENT_HANDLER"),
                (all(type(p[f]) is bool for f in FLAGS & p.keys()),
                 "GENERAL_CONNECTOR_REGISTRATION_ERROR")):
            if not ok:
                return false_with(code)
        known = p["ID"].lower()
        self.connectors[known] = {k: v for k, v in p.items() if k != "AUTH"}
        if (known, p["PLACEMENT_HANDLER"]) not in self.placements:
            self.placements.append((known, p["PLACEMENT_HANDLER"]))
        return {"result": True}

    def _unregister(self, p):
        if self.connectors.pop(p.get("ID"), None) is None:
            return false_with("APPLICATION_UNREGISTRATION_ERROR")
        for line in self.lines.values():
            line.connectors.pop(p["ID"], None)
        return {"result": True}

    def _place(self, p):
        """(connector, line), or what is wrong with them."""
        connector, line = p.get("CONNECTOR"), p.get("LINE")
        if connector not in self.connectors:
            return error("IMCONNECTOR_NO_CORRECT_PROVIDER")
        try:
            return connector, self.lines[int(line)]
        except (KeyError, TypeError, ValueError):
            return error("ERROR_ARGUMENT", description="LINE")

    def _activate(self, p):
        place = self._place(p)
        if not isinstance(place, tuple):
            return place
        connector, line = place
        # "N" is a text, too
        if p.get("ACTIVE") and str(p["ACTIVE"]) != "0":
            line.connectors.setdefault(connector, {})
        else:
            line.connectors.pop(connector, None)
        return True

    def _data(self, p):
        place = self._place(p)
        if not isinstance(place, tuple):
            return place
        connector, line = place
        if connector not in line.connectors or \
                not isinstance(p.get("DATA"), dict):
            return error("ERROR_ARGUMENT", description="DATA")
        line.connectors[connector].update(
            {k.upper(): v for k, v in p["DATA"].items() if v})
        return True

    def _status(self, p):
        place = self._place({"LINE": 0, **p})
        if not isinstance(place, tuple):
            return place
        connector, line = place
        works = connector in line.connectors
        return {"LINE": p["LINE"], "CONNECTOR": connector, "ERROR": False,
                "CONFIGURED": works, "STATUS": works}

    def _list(self, _):
        return {"livechat": "Live chat", **{k: v["NAME"] for k, v in
                                            self.connectors.items()}}

    def _lines(self, p):
        limit = int((p.get("PARAMS") or {}).get("limit", 50))
        if limit > 200:
            return error("ERROR_ARGUMENT", description="limit")
        return [{"ID": str(i), "LINE_NAME": line.name, "ACTIVE": line.active,
                 "CRM": "Y"} for i, line in self.lines.items()][:limit]


def is_text(value):
    """A text with something in it."""
    return isinstance(value, str) and value != ""


def false_with(code):
    """A failure as registration tells it: with HTTP status 200."""
    return json_answer({"result": {"result": False, "error": code,
                                   "error_description": code}})


def post(url, body, timeout=60, **headers):
    """One request of Bitrix24: (status, body of the answer)."""
    at = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if at.scheme == "https" else \
        http.client.HTTPConnection
    connection = kind(at.hostname, at.port, timeout=timeout)
    try:
        connection.request(
            "POST", at.path + ("?" + at.query if at.query else ""), body,
            {"Content-Type": "application/x-www-form-urlencoded",
             "User-Agent": "Bitrix24 Webhook Engine", "Connection": "close",
             **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
