"""A stand-in's control surface over HTTP, for shell users.

On the stand-in's own port, next to what it plays:

    GET  /standin/calls           every call so far, as a JSON array
    POST /standin/script          a body of answers, one spelling a line;
                                  /standin/script/oauth for the OAuth server
    POST /standin/always          the same, one line, from now on; empty ends it
    POST /standin/token           adds the access token in the body
    POST /standin/reset           forgets calls and script
"""

from .answers import Answer, json_answer


class Control:
    """Answers /standin/ requests for a Portal or a Receiver."""

    def __init__(self, peer):
        self.peer = peer

    def respond(self, request):
        """One control request."""
        verb, _, to = request.path.removeprefix("/standin/").partition("/")
        lines = [line.strip() for line in
                 request.body.decode("utf-8", "replace").splitlines()]
        if request.method == "GET" and verb == "calls":
            return json_answer([c.as_json() for c in self.peer.calls])
        if request.method != "POST":
            return Answer(405, headers={"Allow": "POST"})
        more = {"to": to} if to else {}
        try:
            if verb == "script":
                self.peer.script(*filter(None, lines), **more)
            elif verb == "always":
                self.peer.always(lines[0] if lines and lines[0] else None,
                                 **more)
            elif verb == "token":
                self.peer.add_token(lines[0])
            elif verb == "reset":
                self.peer.calls.clear()
            else:
                return Answer(404)
        except (ValueError, TypeError, AttributeError, IndexError) as e:
            return Answer(400, str(e).encode() + b"\n")
        return Answer(204)
