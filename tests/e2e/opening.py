"""Pages as Bitrix24 opens them, and as a browser reads them.

    page(portal)        what is posted when the application's page is opened
    settings(portal)    the same for the settings of a connector
    opened(url, value)  opens it: a Page
    pressed(url, page, act)     presses a button of its form: a Page
"""

import dataclasses
import html.parser
import http.client
import json
import urllib.parse

import events

FORM, ACT = "imconnector_form", "imconnector_act"
QUERY = "?DOMAIN=x.bitrix24.com&PROTOCOL=1&LANG={}&APP_SID=1"


def page(portal, placement="DEFAULT", **changes):
    """See above; a change to ... leaves that field out."""
    value = {"AUTH_ID": portal.add_token(), "AUTH_EXPIRES": "3600",
             "REFRESH_ID": portal.add_refresh_token(),
             "SERVER_ENDPOINT": portal.endpoint,
             "APPLICATION_TOKEN": events.TOKEN, "member_id": portal.member_id,
             "status": "L", "PLACEMENT": placement,
             "PLACEMENT_OPTIONS": '{"any":"5/"}', **changes}
    return {k: v for k, v in value.items() if v is not ...}


def settings(portal, line="107", connector="myconnector", **changes):
    """See above."""
    return page(portal, "SETTING_CONNECTOR", **{
        "PLACEMENT_OPTIONS": json.dumps({
            "LINE": line, "ACTIVE_STATUS": False, "CONNECTION_STATUS": False,
            "REGISTER_STATUS": True, "ERROR_STATUS": False,
            "CONNECTOR": connector, "STATUS": False}), **changes})


@dataclasses.dataclass
class Page(html.parser.HTMLParser):
    """One that was answered; header names are in lower case."""

    status: int
    headers: dict
    html: str

    def __post_init__(self):
        super().__init__()
        self.lang, self.fields, self.buttons = None, {}, []
        self.tags, self.classes, self.text = [], set(), ""
        self.attributes = {}
        self.feed(self.html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.attributes.setdefault(tag, []).append(attributes)
        self.classes.update(attributes.get("class", "").split())
        if tag == "html":
            self.lang = attributes["lang"]
        elif tag == "input":
            self.fields[attributes["name"]] = attributes["value"]
        elif tag == "button":
            self.buttons.append(attributes["value"])

    def handle_data(self, data):
        if "body" in self.tags:
            self.text += " " + data


def opened(url, value, lang="en", **headers):
    """See above."""
    at = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
    try:
        connection.request("POST", at.path + QUERY.format(lang),
                           events.as_form(value), {
                               "Content-Type": events.FORM,
                               "Connection": "close", **headers})
        answer = connection.getresponse()
        return Page(answer.status,
                    {k.lower(): v for k, v in answer.getheaders()},
                    answer.read().decode())
    finally:
        connection.close()


def pressed(url, shown, act, lang="en", **changes):
    """See above; changes to its fields, too."""
    return opened(url, {**shown.fields, ACT: act, **changes}, lang)
