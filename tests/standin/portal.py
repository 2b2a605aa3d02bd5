"""A Bitrix24 portal to test against: REST calls, OAuth, limits, trouble.

Portal answers as the portal does: the delivery status with all its checks,
what sets a connector up (application.py), and the OAuth server's refresh, all
on one address. It records every
call, keeps the external ids of the first status only, and counts as violations
what Bitrix24 or good sense forbids (a token in a query, no User-Agent, ...):
tests assert that there are none. script() decides about the next answers.
"""

import dataclasses
import json
import secrets
import time
from urllib.parse import parse_qs, parse_qsl

from .application import Application
from .answers import Answer, answer_from, error, json_answer
from .control import Control
from .limits import OperatingTime
from .peer import Peer

DELIVERY = "imconnector.send.status.delivery"


@dataclasses.dataclass
class Token:
    """An access token of the portal."""

    expires: float                  # Unix time
    kind: str = "app"               # or "webhook"
    user_id: int = 27


@dataclasses.dataclass
class Call:
    """One request that the portal got, and what became of it."""

    method: str                     # of HTTP
    path: str
    rest: str                       # the REST method, "oauth", or ""
    headers: dict
    body: bytes
    time: float
    connection: tuple               # the client's address and port
    params: dict = dataclasses.field(default_factory=dict)
    token: str = ""
    status: int = 0                 # of the answer; 0 if it was cut
    error: str = ""                 # of the answer

    def as_json(self):
        """For the control surface and the command line."""
        return {"method": self.method, "path": self.path, "rest": self.rest,
                "headers": self.headers, "params": self.params,
                "token": self.token, "status": self.status,
                "error": self.error, "time": self.time}


class Portal(Peer):
    """See above. Settings are plain attributes, changed at any time."""

    def __init__(self, tls=None, host="127.0.0.1", port=0, any_token=False):
        super().__init__(tls, host, port)
        self.any_token = any_token  # every token is a good one
        self.bucket = None          # a Bucket, to limit the rate
        self.operating = OperatingTime()
        self.expires_in = 3600      # of the tokens that a refresh gives
        self.member_id = secrets.token_hex(16)
        self.client_id = "local." + secrets.token_hex(8)
        self.client_secret = secrets.token_hex(16)
        self.tokens = {}            # access token -> Token
        self.refresh_tokens = set()
        self.calls = []
        self.first_ids = {}         # (connector, line, chat, msg) -> ids
        self.unwanted = set()       # message ids that spoil their call
        self.violations = []
        self.application = Application(self)
        self.control = Control(self)
        self._script = {"rest": [], "oauth": []}
        self._always = {}

    @property
    def endpoint(self):
        """What events call client_endpoint."""
        return self.url + "rest/"

    # -- what tests set up

    def add_token(self, value=None, expires_in=3600, kind="app"):
        """A new access token; returns it."""
        value = value or secrets.token_hex(16)
        self.tokens[value] = Token(time.time() + expires_in, kind)
        return value

    def add_refresh_token(self, value=None):
        """A new refresh token; returns it."""
        value = value or secrets.token_hex(16)
        self.refresh_tokens.add(value)
        return value

    def script(self, *answers, to="rest"):
        """The next answers, in order; then it answers as usual. To "oauth",
        to another method by its name, and "rest" is for all the others."""
        with self.changed:
            self._script.setdefault(to, []).extend(
                answer_from(a) for a in answers)

    def always(self, answer, to="rest"):
        """What unscripted calls are answered from now on; None: as usual."""
        self._always[to] = answer and answer_from(answer)

    # -- what tests look at

    @property
    def deliveries(self):
        """The delivery-status calls, in order."""
        return [c for c in self.calls if c.rest == DELIVERY]

    def called(self, method):
        """The calls of a REST method, in order."""
        return [c for c in self.calls if c.rest == method]

    @property
    def refreshes(self):
        """The token refreshes, in order."""
        return [c for c in self.calls if c.rest == "oauth"]

    def wait_for_calls(self, n, deadline=60.0):
        """The first n delivery calls, as soon as there are as many."""
        self.wait(lambda: len(self.deliveries) >= n, deadline,
                  f"{n} delivery calls")
        return self.deliveries[:n]

    # -- answering

    def respond(self, request):
        if request.path.startswith("/standin/"):
            return self.control.respond(request)
        call = Call(request.method, request.path, "", request.headers,
                    request.body, request.time, request.client)
        oauth = request.path == "/oauth/token/"
        with self.changed:
            handler = self._oauth if oauth else self._rest
            genuine = handler(call, request)
            answer = self._scripted(call.rest, call, genuine)
            call.status = 0 if answer.cut else answer.status
            call.error = error_of(answer)
            self.calls.append(call)
        return answer

    def _scripted(self, to, call, genuine):
        """Puts the script's answer, if there is one, before the genuine."""
        if to not in self._script and to not in self._always and \
                to != "oauth":
            to = "rest"
        queue = self._script.get(to)
        plan = queue.pop(0) if queue else self._always.get(to)
        if plan is None:
            plan = Answer(genuine=True)
        if plan.refuses:
            return plan
        if plan.cut != "silence":
            genuine = genuine()
            return dataclasses.replace(genuine, delay=plan.delay,
                                       held=plan.held, cut=plan.cut)
        return plan

    def _violation(self, call, text):
        self.violations.append(f"{call.path}: {text}")

    def _rest(self, call, request):
        """Reads a REST call; returns what would answer it."""
        name = request.path.removeprefix("/rest/").removesuffix(".json")
        call.rest = name
        refused = None
        if not request.headers.get("user-agent"):
            self._violation(call, "no User-Agent")
            refused = answer_from("status:403")
        if not request.path.startswith("/rest/"):
            self._violation(call, "not under /rest/")
            refused = answer_from("status:404")
        if request.method != "POST":
            self._violation(call, f"method {request.method}")
            refused = error("ERROR_ARGUMENT", 405)
        query = parse_qs(request.query)
        if query.keys() & {"auth", "access_token"}:
            self._violation(call, "a token in the query")
            refused = error("NO_AUTH_FOUND")
        media = request.headers.get("content-type", "").split(";")[0].lower()
        if media != "application/json":
            self._violation(call, f"Content-Type {media!r}")
            refused = error("ERROR_ARGUMENT")
        try:
            call.params = json.loads(request.body)
            if not isinstance(call.params, dict):
                raise ValueError("no object")
        except ValueError as e:
            self._violation(call, f"body: {e}")
            call.params = {}
            refused = error("ERROR_ARGUMENT")
        call.token = self._token_of(call)
        return lambda: refused or self._limits() or self._auth(call) or \
            self._method(call)

    def _token_of(self, call):
        bearer = call.headers.get("authorization", "")
        if bearer.lower().startswith("bearer "):
            return bearer[7:].strip()
        return str(call.params.get("auth") or "")

    def _limits(self):
        if self.bucket and not self.bucket.take():
            return error("QUERY_LIMIT_EXCEEDED")
        if self.operating.exceeded():
            return error("OPERATION_TIME_LIMIT")
        return None

    def _auth(self, call):
        if not call.token:
            return error("NO_AUTH_FOUND")
        if self.any_token:
            return None
        token = self.tokens.get(call.token)
        if token is None:
            return error("invalid_token")
        if token.expires <= time.time():
            return error("expired_token")
        if token.kind != "app":
            return error("WRONG_AUTH_TYPE")
        return None

    def _method(self, call):
        if call.rest == DELIVERY:
            if self.unwanted and self.unwanted & message_ids(call.params):
                return error("ERROR_ARGUMENT")
            problem = self._deliver(call.params)
            if problem:
                self._violation(call, problem)
                return error("ERROR_ARGUMENT", description=problem)
            return self._good({"SUCCESS": True, "DATA": []})
        result = self.application.answer(call.rest, call.params)
        if result is None:
            return error("ERROR_METHOD_NOT_FOUND")
        return result if isinstance(result, Answer) else self._good(result)

    def _good(self, result):
        """A good answer, with the times that the portal adds."""
        operating, reset = self.operating.add()
        now = time.time()
        return json_answer({"result": result, "time": {
            "start": int(now), "finish": round(now + 0.03, 6),
            "duration": 0.03, "processing": 0, "date_start": iso(now),
            "date_finish": iso(now), "operating_reset_at": reset,
            "operating": operating}})

    def _deliver(self, params):
        """Checks a delivery status and keeps its ids; or what is wrong."""
        connector, line = params.get("CONNECTOR"), params.get("LINE")
        if not isinstance(connector, str) or not connector:
            return "CONNECTOR is no text"
        if type(line) is not int or line < 1:
            return "LINE is no number"
        messages = params.get("MESSAGES")
        if not isinstance(messages, list) or not messages:
            return "MESSAGES is no list"
        kept = {}
        for i, m in enumerate(messages):
            problem = check_message(m)
            if problem:
                return f"MESSAGES[{i}]: {problem}"
            kept[connector, line, m["im"]["chat_id"],
                 m["im"]["message_id"]] = m["message"]["id"]
        for key, ids in kept.items():
            self.first_ids.setdefault(key, ids)
        return None

    def _oauth(self, call, request):
        """Reads a refresh; returns what would answer it."""
        call.rest = "oauth"
        call.params = dict(parse_qsl(request.body.decode("latin-1"),
                                     keep_blank_values=True))
        problem = None
        if request.method != "POST" or request.query:
            problem = "secrets in a query"
        elif request.headers.get("content-type", "").split(";")[0] != \
                "application/x-www-form-urlencoded":
            problem = "no form"
        if problem:
            self._violation(call, problem)
        return lambda: error("invalid_request") if problem else \
            self._refresh(call.params)

    def _refresh(self, form):
        if form.get("grant_type") != "refresh_token":
            return error("invalid_request")
        if form.get("client_id") != self.client_id:
            return error("invalid_client")
        if form.get("client_secret") != self.client_secret:
            return error("wrong_client")
        if form.get("refresh_token") not in self.refresh_tokens:
            return error("invalid_grant")
        self.refresh_tokens.discard(form["refresh_token"])
        return json_answer({
            "access_token": self.add_token(expires_in=self.expires_in),
            "refresh_token": self.add_refresh_token(),
            "expires": int(time.time()) + self.expires_in,
            "expires_in": self.expires_in,
            "client_endpoint": self.endpoint, "server_endpoint": self.endpoint,
            "domain": "oauth.bitrix.info", "member_id": self.member_id,
            "scope": "imconnector,imopenlines", "status": "L", "user_id": 1})


def message_ids(params):
    """The message ids that a delivery status names."""
    return {m["im"]["message_id"] for m in params.get("MESSAGES", [])}


def check_message(m):
    """What is wrong with one element of MESSAGES, or None."""
    if not isinstance(m, dict):
        return "no object"
    for part in ("im", "message", "chat"):
        if not isinstance(m.get(part), dict):
            return f"{part} is no object"
    for name in ("chat_id", "message_id"):
        value = m["im"].get(name)
        if type(value) is not int or not 0 < value < 1 << 63:
            return f"im.{name} is no number"
    ids = m["message"].get("id")
    if not isinstance(ids, list) or not ids:
        return "message.id is no array"
    if not all(isinstance(i, str) and i for i in ids):
        return "message.id holds what is no text"
    if type(m["message"].get("date", 1)) is not int:
        return "message.date is no number"
    if not isinstance(m["chat"].get("id"), str) or not m["chat"]["id"]:
        return "chat.id is no text"
    return None


def error_of(answer):
    """The error word of an answer, or ""."""
    try:
        value = json.loads(answer.body)
    except ValueError:
        return ""
    return value.get("error", "") if isinstance(value, dict) else ""


def iso(t):
    """A time as the portal writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(t))
