"""A channel's HTTP endpoint to test against: what http:// channels post to.

It records the posted objects and answers `{"id":"ext-N"}`, or what the script
says: the spellings of answers.py and, for ids and the like, Answer values or
`json:TEXT` and `json:STATUS:TEXT`.
"""

import dataclasses
import json

from .answers import Answer, answer_from, json_answer
from .control import Control
from .peer import Peer


@dataclasses.dataclass
class Post:
    """One request that the endpoint got."""

    method: str
    path: str
    headers: dict
    body: bytes
    time: float

    @property
    def object(self):
        """The posted JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def as_json(self):
        """For the control surface and the command line."""
        return {"method": self.method, "path": self.path, "time": self.time,
                "headers": self.headers, "object": self.object}


class Receiver(Peer):
    """See above."""

    def __init__(self, tls=None, host="127.0.0.1", port=0):
        super().__init__(tls, host, port)
        self.calls = []
        self.control = Control(self)
        self._script = []
        self._always = None

    def script(self, *answers):
        """The next answers, in order; then it gives ids again."""
        with self.changed:
            self._script += [channel_answer(a) for a in answers]

    def always(self, answer):
        """What unscripted posts are answered from now on; None: as usual."""
        self._always = answer and channel_answer(answer)

    @property
    def objects(self):
        """The posted objects, in order."""
        return [c.object for c in self.calls]

    def wait_for_calls(self, n, deadline=60.0):
        """The first n posts, as soon as there are as many."""
        self.wait(lambda: len(self.calls) >= n, deadline, f"{n} posts")
        return self.calls[:n]

    def respond(self, request):
        if request.path.startswith("/standin/"):
            return self.control.respond(request)
        with self.changed:
            self.calls.append(Post(request.method, request.path,
                                   request.headers, request.body,
                                   request.time))
            plan = self._script.pop(0) if self._script else self._always
            if plan is None or plan.genuine:
                answer = json_answer({"id": f"ext-{len(self.calls)}"})
                if plan:
                    answer = dataclasses.replace(answer, delay=plan.delay,
                                                 held=plan.held, cut=plan.cut)
                return answer
            return plan


def channel_answer(spec):
    """As answer_from, and json:TEXT and json:STATUS:TEXT."""
    if not isinstance(spec, Answer) and spec.startswith("json:"):
        text = spec.removeprefix("json:")
        status, _, rest = text.partition(":")
        if status.isdigit() and rest:
            return Answer(int(status), rest.encode(),
                          {"Content-Type": "application/json"})
        return Answer(200, text.encode(), {"Content-Type": "application/json"})
    return answer_from(spec)
