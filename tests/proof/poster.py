"""Posts events through a web server and writes the ledger."""

import http.client

import events


class Poster:
    """server.post() of any server; any thread may use it."""

    def __init__(self, server, ledger, allowed=(200, 202, 502)):
        self.server, self.ledger, self.allowed = server, ledger, allowed

    def post(self, event, media=events.FORM):
        """(status, text) of the answer; 0 if the connection broke."""
        spell = events.as_json if media == events.JSON else events.as_form
        try:
            answer = self.server.post(spell(event), media)
        except (OSError, http.client.HTTPException) as e:
            return 0, repr(e)
        return answer.status, answer.body.decode(errors="replace")

    def send(self, event, fates=None, media=events.FORM):
        """An event of messages, into the ledger; the status."""
        idents = self.ledger.sending(event, fates)
        status, text = self.post(event, media)
        self.ledger.answered(idents, status, text, self.allowed)
        return status
