"""Every answer of Bitrix24 that is no success, and what follows from it.

One handler serves a portal for each row of the contract's table, all at the
same time: retried and acknowledged by itself when the fault is over; parked
until the application is installed anew; or refused, with step and reason.
The waits between tries (limits, Retry-After) are measured on their own.
"""

import concurrent.futures
import re
import time

import pytest

import fill
from events import install, message, of
from several import APP, message_of, post, post_all
from site_folder import wait_until
from standin import Answer, Receiver

PASSES = ["error:QUERY_LIMIT_EXCEEDED", "error:OPERATION_TIME_LIMIT",
          "error:OVERLOAD_LIMIT", "error:INTERNAL_SERVER_ERROR",
          "error:ERROR_UNEXPECTED_ANSWER", "error:CONNECTION_ERROR"]
PASSES += [f"{e}:200" for e in PASSES] + [
    "error:query_limit_exceeded", "error:A_NEW_ERROR", "error:A_NEW_ERROR:403",
    "status:500", "status:502", "status:503", "status:429", "status:404",
    "status:401", "status:204", "not-success", "garbage", "empty", "silence",
    "cut", "cut-middle", "oversize:20000000", "status:302",
    "moved:http://elsewhere.example"]
PARKED = ["expired_token", "invalid_token", "NO_AUTH_FOUND",
          "user_access_error", "ACCESS_DENIED", "INVALID_CREDENTIALS",
          "PORTAL_DELETED", "ERROR_OAUTH", "NOT_INSTALLED",
          "APPLICATION_NOT_FOUND", "PAYMENT_REQUIRED", "WRONG_LICENSE"]
PARKED += [f"{e}:200" for e in PARKED] + ["Portal_Deleted", "EXPIRED_TOKEN"]
REFUSED = ["insufficient_scope", "WRONG_AUTH_TYPE", "ERROR_METHOD_NOT_FOUND",
           "ERROR_ARGUMENT", "IMCONNECTOR_NO_CORRECT_PROVIDER"]
REFUSED += [f"{e}:200" for e in REFUSED] + ["Wrong_Auth_Type"]


class Rows:
    """A portal for each row; what its event was answered, its message as it
    is listed then, and as it is listed at the end.
    """

    def __init__(self, start, portals, channel):
        self.server = start(
            "fcgi", app=APP, channel={"url": channel.url},
            retry={"first": 1, "longest": 3}, portal={"timeout": 1})
        self.portal = {}
        for row in PASSES:
            self.portal[row] = portals()
            self.portal[row].script(row, row)
        for row in PARKED + REFUSED:
            self.portal[row] = portals()
            self.portal[row].always(f"error:{row}")
        # a message id of its own for each row
        self.id = {row: 100 + i for i, row in enumerate(self.portal)}
        answers = post_all(self.server, [
            of(p, message(self.id[row], chat=row)) for row, p in
            self.portal.items()])
        self.answer = dict(zip(self.portal, [a.response for a in answers]))
        self.listed = self.list()
        self.calls = {row: len(p.deliveries) for row, p in
                      self.portal.items()}
        self.mend()
        self.handed_over = [o["im"]["message_id"] for o in channel.objects]

    def list(self):
        """{row: its message}"""
        listed = {m["message_id"]: m for m in self.server.site.queue()}
        return {row: listed[i] for row, i in self.id.items()}

    def mend(self):
        """What a person does: installs, retries. Then all must be well."""
        for row in PARKED + REFUSED:
            self.portal[row].always(None)
        post_all(self.server, [install(self.portal[row]) for row in PARKED])
        self.server.site.ctl("queue", "retry", "--all-refused")

        def all_well():
            self.end = self.list()
            return {m["state"] for m in self.end.values()} == {"acknowledged"}
        try:
            wait_until(all_well)
        except TimeoutError:
            pass                # the rows' own tests say which are not

    def assert_well(self, row):
        """Acknowledged in the end, and handed over once."""
        assert self.end[row]["state"] == "acknowledged"
        assert self.handed_over.count(self.id[row]) == 1


@pytest.fixture(scope="module")
def rows(start_once, portals_once, waits):
    """See above; what takes its time runs beside it."""
    with Receiver() as channel:
        yield Rows(start_once, portals_once, channel)


def assert_queued(answer, **counts):
    """202; these counts, whatever else it says."""
    assert (answer.status, answer.json["result"]) == (202, "queued")
    assert answer.json["acknowledged"] == counts.get("acknowledged", 0)
    assert answer.json.get("refused", 0) == counts.get("refused", 0)


@pytest.mark.parametrize("row", PASSES)
def test_what_passes_is_tried_again(rows, row):
    portal = rows.portal[row]
    assert_queued(rows.answer[row])
    rows.assert_well(row)
    assert len(portal.deliveries) == 3 and portal.refreshes == []
    ids = [c.params["MESSAGES"][0]["message"]["id"] for c in
           portal.deliveries]
    assert ids[0] == ids[1] == ids[2]


def told(m):
    """The error's word in the reason, whose spelling is ours."""
    return re.search(r"Bitrix24: (\w+) ", m["reason"])[1].lower()


@pytest.mark.parametrize("row", PARKED)
def test_what_is_lost_is_parked_until_installed_anew(rows, row):
    assert_queued(rows.answer[row])
    m = rows.listed[row]
    assert (m["state"], m["hold"]) == ("delivered", "portal lost")
    assert told(m) == row.split(":")[0].lower()
    assert rows.calls[row] == 1
    rows.assert_well(row)


@pytest.mark.parametrize("row", REFUSED)
def test_what_a_person_must_mend_is_refused(rows, row):
    assert_queued(rows.answer[row], refused=1)
    m = rows.listed[row]
    assert (m["state"], m["step"]) == ("refused", "status")
    assert told(m) == row.split(":")[0].lower()
    rows.assert_well(row)
    assert len(rows.portal[row].deliveries) == 2


def test_what_the_log_says_of_them(rows):
    log = rows.server.log()
    for word in ("portal-lost", "overload", "refused", "postponed"):
        assert word in log
    assert APP["client_secret"] not in log


class Clockwork:
    """Operating time that starts anew in so many seconds."""

    def __init__(self, seconds):
        self.reset = time.time() + seconds

    def exceeded(self):
        """Never by itself: tests script the error."""
        return False

    def add(self):
        """(operating, operating_reset_at), here as a float."""
        return 1.5, self.reset


def operating_time_limit(start, portals):
    """Until the last good answer's reset, but never past retry.longest."""
    far, near = portals(), portals()
    patient = start("fcgi", retry={"first": 1, "longest": 60})
    hasty = start("fcgi", retry={"first": 1, "longest": 2})
    far.operating, near.operating = Clockwork(6), Clockwork(600)
    for server, portal in ((patient, far), (hasty, near)):
        assert post(server, of(portal, message(1))).status == 200
        portal.script("error:OPERATION_TIME_LIMIT")
        assert_queued(post(server, of(portal, message(2))))
    far.wait_for_calls(3)
    near.wait_for_calls(3)
    waited = [p.deliveries[2].time - p.deliveries[1].time
              for p in (far, near)]
    # operating_reset_at counts in whole seconds
    assert far.deliveries[2].time >= int(far.operating.reset)
    # far from the longest wait, and from a reset in ten minutes
    assert waited[0] < 30 and 1.4 < waited[1] < 300


def retry_after(start, portals):
    """Of channel and portal: at least that long, within retry.longest."""
    busy = Answer(503, headers={"Retry-After": "4"})
    never = Answer(503, headers={"Retry-After": "86400"})
    with Receiver() as polite, Receiver() as absurd:
        polite.script(busy)
        absurd.script(never)
        there, away = portals(), portals()
        there.script(busy)
        away.script(never)
        sections = {"connector a": {"url": polite.url},
                    "connector b": {"url": absurd.url}}
        long = start("fcgi", retry={"first": 1, "longest": 60}, **sections)
        short = start("fcgi", retry={"first": 1, "longest": 2}, **sections)
        post_all(long, [of(portals(), connector="a"), of(there)])
        post_all(short, [of(portals(), connector="b"), of(away)])
        for peer in (polite, absurd, there, away):
            peer.wait_for_calls(2)
        at = {p: [c.time for c in getattr(p, "deliveries", p.calls)]
              for p in (polite, absurd, there, away)}
    for peer, least, most in ((polite, 4, 30), (there, 4, 30),
                              (absurd, 1.4, 300), (away, 1.4, 300)):
        first, second = at[peer][:2]
        assert least <= second - first < most


def too_many_calls(start, portals):
    """The wait doubles."""
    portal = portals()
    portal.script(*["error:QUERY_LIMIT_EXCEEDED"] * 3)
    server = start("fcgi", retry={"first": 1, "longest": 60})
    assert_queued(post(server, of(portal)))
    portal.wait_for_calls(4)
    at = [c.time for c in portal.deliveries]
    waits = [b - a for a, b in zip(at, at[1:])]
    # 1, 2, 4 s, a quarter more or less, and whatever the machine is at
    for wait, wanted in zip(waits, (1, 2, 4)):
        assert 0.74 * wanted < wait < 30, waits


@pytest.fixture(scope="module")
def waits(start_once, portals_once):
    """Those three, side by side; their ends."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        yield {f: pool.submit(f, start_once, portals_once) for f in
               (operating_time_limit, retry_after, too_many_calls)}


def test_operating_time_limit_waits_for_its_reset(waits):
    waits[operating_time_limit].result()


def test_retry_after_is_honoured(waits):
    waits[retry_after].result()


def test_too_many_calls_wait_longer_each_time(waits):
    waits[too_many_calls].result()


def test_one_bad_message_does_not_spoil_its_batch(start, portals):
    """Neither at once nor when the retry takes several along."""
    portal = portals()
    portal.unwanted = {3, 13}
    server = start("fcgi", retry={"first": 1, "longest": 2})
    answer = post(server, of(portal, *(message(i, chat=f"c{i}")
                                       for i in range(1, 6))))
    assert_queued(answer, acknowledged=4, refused=1)
    portal.script("status:500")
    assert_queued(post(server, of(portal, *(message(i, chat=f"c{i}")
                                            for i in range(11, 16)))))
    wanted = {i: "acknowledged" for i in (*range(1, 6), *range(11, 16))}
    server.site.wait_states({**wanted, 3: "refused", 13: "refused"})
    assert {k[3] for k in portal.first_ids} == set(wanted) - {3, 13}


def test_given_up(start, portals):
    """retry.give_up_after counts from a message's own first attempt."""
    portal = portals()
    portal.always("status:500")
    server = start("fcgi", retry={"first": 1, "longest": 2,
                                  "give_up_after": 3600})
    assert_queued(post(server, of(portal, message(1))))
    assert_queued(post(server, of(portal, message(2, chat="other"))))
    fill.age(server.site, 3700, message_id=1)
    server.site.wait_states({1: "refused", 2: "delivered"})
    m = message_of(server, 1)
    assert m["step"] == "status" and "given up" in m["reason"]


def test_a_refresh_is_no_cure_for_connection_errors(start, portals):
    """CONNECTION_ERROR comes with 401, and yet the pair is left alone."""
    portal = portals()
    server = start("fcgi", app=APP, retry={"first": 1, "longest": 2})
    assert post(server, install(portal)).status == 200
    portal.script("error:CONNECTION_ERROR")
    assert_queued(post(server, of(portal)))
    server.site.wait_states({86497: "acknowledged"})
    assert len(portal.refreshes) == 1       # the installation's proof
