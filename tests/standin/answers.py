"""What a stand-in answers: good answers, errors, and network trouble.

An Answer is a value; the peer plays it. The errors of Bitrix24 are a table,
and every scripted answer has a short spelling for command lines and tests:

    ok                       what would be answered unscripted
    error:CODE[:STATUS]      a Bitrix24 error (with its usual status)
    status:N                 a bare HTTP status with an HTML body
    not-success              HTTP 200 with SUCCESS:false
    garbage  empty           HTTP 200 with a body that is no JSON / no body
    oversize:BYTES           HTTP 200 with a body of that size
    cut  cut-middle          the connection ends before / inside the answer
    silence                  accepted, read, and never answered
    moved:URL                302 to URL plus the path that was asked for
    slow:SECONDS[:ANSWER]    any of these, later
    held[:ANSWER]            any of these, but not before release()
"""

import dataclasses
import json

# error -> (usual status, description)
ERRORS = {
    "expired_token": (401, "The access token provided has expired."),
    "invalid_token": (401, "Unable to get application by token"),
    "NO_AUTH_FOUND": (401, "Wrong authorization data"),
    "user_access_error": (401, "The user does not have access to the app."),
    "ACCESS_DENIED": (403, "Access denied!"),
    "INVALID_CREDENTIALS": (403, "Invalid request credentials"),
    "insufficient_scope": (403, "The request requires higher privileges"),
    "WRONG_AUTH_TYPE": (403, "Current authorization type is denied"),
    "ERROR_METHOD_NOT_FOUND": (404, "Method not found!"),
    "ERROR_ARGUMENT": (400, "Argument is wrong"),
    "IMCONNECTOR_NO_CORRECT_PROVIDER": (400, "No suitable provider found"),
    "NOT_ACTIVE_LINE": (400, "The line is not active"),
    "ERROR_CORE": (400, "Internal error"),
    "PORTAL_DELETED": (403, "Portal was deleted"),
    "ERROR_OAUTH": (401, "Application not installed"),
    "NOT_INSTALLED": (401, "Application not installed"),
    "APPLICATION_NOT_FOUND": (404, "Application not found"),
    "PAYMENT_REQUIRED": (401, "Payment required"),
    "WRONG_LICENSE": (403, "REST is not available on this plan"),
    "QUERY_LIMIT_EXCEEDED": (503, "Too many requests"),
    "OPERATION_TIME_LIMIT": (429, "Method is blocked due to operation time "
                                  "limit."),
    "OVERLOAD_LIMIT": (503, "REST API is blocked due to overload."),
    "INTERNAL_SERVER_ERROR": (500, "Internal server error"),
    "ERROR_UNEXPECTED_ANSWER": (500, "Server returned an unexpected answer"),
    "CONNECTION_ERROR": (401, "Error connecting to authorization server"),
    # of the OAuth server
    "invalid_request": (400, "Required parameter is missing"),
    "invalid_client": (401, "Client not found"),
    "wrong_client": (200, "Wrong client"),
    "invalid_grant": (400, "Invalid grant"),
}


@dataclasses.dataclass
class Answer:
    """One HTTP answer, and how it goes wrong."""

    status: int = 200
    body: bytes = b""
    headers: dict = dataclasses.field(default_factory=dict)
    delay: float = 0.0          # seconds before anything is sent
    held: bool = False          # until the peer's release()
    cut: str = ""               # "before", "middle" or "silence"
    moved: str = ""             # 302 to this plus the request's path
    genuine: bool = False       # the peer's own answer (after the delay)

    @property
    def refuses(self):
        """Whether the peer does not do what it was asked for."""
        return not self.genuine and not self.cut


def json_answer(value, status=200, **headers):
    """value as JSON."""
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(),
                  {"Content-Type": "application/json; charset=utf-8",
                   **{k.replace("_", "-"): str(v) for k, v in
                      headers.items()}})


def error(code, status=None, description=None):
    """The Bitrix24 error of that code, with its usual status."""
    usual, text = ERRORS.get(code, (400, code))
    return json_answer({"error": code,
                        "error_description": description or text},
                       status or usual)


def answer_from(spec):
    """An Answer from its short spelling; an Answer is returned as it is."""
    if isinstance(spec, Answer):
        return spec
    word, _, rest = spec.partition(":")
    if word == "slow":
        seconds, _, then = rest.partition(":")
        return dataclasses.replace(answer_from(then or "ok"),
                                   delay=float(seconds))
    if word == "held":
        return dataclasses.replace(answer_from(rest or "ok"), held=True)
    if word == "error":
        code, _, status = rest.partition(":")
        return error(code, int(status) if status else None)
    if word == "status":
        return Answer(int(rest), b"<html><body>" + rest.encode() +
                      b"</body></html>\n", {"Content-Type": "text/html"})
    if word == "oversize":
        return Answer(200, b'{"result":"' + b"x" * int(rest) + b'"}',
                      {"Content-Type": "application/json"})
    if word == "moved":
        return Answer(302, moved=rest)
    simple = {
        "ok": Answer(genuine=True),
        "not-success": json_answer({"result": {"SUCCESS": False, "DATA": []}}),
        "garbage": Answer(200, b"\x00\xff}{ this is no JSON"),
        "empty": Answer(200),
        "cut": Answer(cut="before", genuine=True),
        "cut-middle": Answer(cut="middle", genuine=True),
        "silence": Answer(cut="silence"),
    }
    if word not in simple or rest:
        raise ValueError(f"no such answer: {spec}")
    return simple[word]
