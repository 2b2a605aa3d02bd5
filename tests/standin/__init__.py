"""Stand-ins for the two peers of imconnector-fcgi, to test against.

Portal plays Bitrix24 (REST, OAuth), Receiver plays the HTTP endpoint of a
channel, Authority makes certificates for both. Used by tests/e2e and
tests/demo.py as a package, from a shell as `python3 tests/standin`.
"""

from .application import Application, Binding, Line
from .answers import Answer, answer_from, error
from .files import Files
from .peer import Peer
from .portal import Call, Portal, Token
from .receiver import Receiver
from .tls import Authority

__all__ = ["Answer", "Application", "Authority", "Binding", "Call", "Files",
           "Line", "Peer", "Portal", "Receiver", "Token", "answer_from",
           "error"]
