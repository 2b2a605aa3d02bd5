"""The stand-ins from a shell.

    python3 tests/standin portal  --any-token --answer error:expired_token
    python3 tests/standin channel --port 8081 --always status:503
    python3 tests/standin portal  --tls good --folder /tmp/certificates

Prints its URL as the first line, then one JSON line for each call. Ends on
SIGINT or SIGTERM. What --answer takes is in answers.py, what may be asked
meanwhile over HTTP in control.py.
"""

import argparse
import json
import pathlib
import signal
import sys
import tempfile

if not __package__:
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from standin import Authority, Portal, Receiver
from standin.limits import Bucket


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="standin", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["portal", "channel"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--answer", action="append", default=[],
                        help="the next answer; can be given again")
    parser.add_argument("--always", help="the answer when none is left")
    parser.add_argument("--tls", choices=["good", "wronghost", "expired",
                                          "untrusted"])
    parser.add_argument("--folder", help="where certificates are made")
    parser.add_argument("--any-token", action="store_true",
                        help="portal: every token is good")
    parser.add_argument("--token", action="append", default=[],
                        metavar="TOKEN[:SECONDS]", help="portal: a good one")
    parser.add_argument("--refresh-token", action="append", default=[])
    parser.add_argument("--client", metavar="ID:SECRET")
    parser.add_argument("--limits", action="store_true",
                        help="portal: the leaky bucket (50, 2 a second)")
    return parser.parse_args()


def peer_for(args):
    """The stand-in that the arguments describe."""
    tls = None
    if args.tls:
        folder = args.folder or tempfile.mkdtemp(prefix="standin-")
        tls = Authority(folder).context(args.tls)
        print(f"certificates in {folder}", file=sys.stderr)
    if args.what == "channel":
        return Receiver(tls, args.host, args.port)
    portal = Portal(tls, args.host, args.port, args.any_token)
    for token in args.token:
        value, _, seconds = token.partition(":")
        portal.add_token(value, float(seconds or 3600))
    for token in args.refresh_token:
        portal.add_refresh_token(token)
    if args.client:
        portal.client_id, _, portal.client_secret = args.client.partition(":")
    if args.limits:
        portal.bucket = Bucket()
    return portal


def main():
    """Serves until a signal comes."""
    args = arguments()
    peer = peer_for(args)
    peer.script(*args.answer)
    peer.always(args.always)
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with peer:
        print(peer.url, flush=True)
        shown = 0
        while signal.sigtimedwait(stop, 0.1) is None:
            shown = min(shown, len(peer.calls))     # after a reset
            for call in peer.calls[shown:]:
                print(json.dumps(call.as_json()), flush=True)
                shown += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
