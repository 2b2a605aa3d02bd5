"""What leads a handler to each fault point, and what must follow.

    journey  an event of 1 or 3 messages in one chat; the handler dies on the
             way; a new one is started and gets another event of that chat
    refresh  an installed portal whose access tokens have all expired
    install  ONAPPINSTALL itself

Each is run(case): it ends well, or raises what was wrong. Where only CGI runs,
an HTTP case goes on by `imconnectorctl retry`, a spool case by the next CGI
processes.
"""

import dataclasses

from world import OTHER, World

JOURNEY = ("take-before-commit", "take-after-commit", "hand-over-before",
           "hand-over-after", "delivered-before-commit",
           "delivered-after-commit", "status-before", "status-after",
           "acknowledged-before-commit", "acknowledged-after-commit",
           "answer-before", "answer-after")
REFRESH = ("refresh-before", "refresh-after", "tokens-before-commit",
           "tokens-after-commit")
INSTALL = ("install-before-commit", "install-after-commit")

EACH_MESSAGE = ("hand-over-before", "hand-over-after",
                "delivered-before-commit", "delivered-after-commit")

# What the store says of an event's one message when the handler has died.
AFTER = {
    "take-before-commit": [],
    "take-after-commit": ["received"],
    "hand-over-before": ["received"],
    "hand-over-after": ["received"],
    "delivered-before-commit": ["received"],
    "delivered-after-commit": ["delivered"],
    "status-before": ["delivered"],
    "status-after": ["delivered"],
    "acknowledged-before-commit": ["delivered"],
    "acknowledged-after-commit": ["acknowledged"],
}

# The channel took it, and nobody has written that down.
TWICE = ("hand-over-after", "delivered-before-commit")
# The OAuth server has given a new pair and forgot the old one.
PAIR_LOST = ("refresh-after", "tokens-before-commit")


@dataclasses.dataclass(frozen=True)
class Case:
    """One run of a scenario."""

    point: str
    front: str                  # "fcgi" or "cgi"
    channel: str                # "http" or "spool"
    messages: int = 1
    passing: int = 1            # dies when it passes for the n-th time

    def __str__(self):
        return (f"{self.point}-{self.front}-{self.channel}-{self.messages}" +
                (f"-passing-{self.passing}" if self.passing > 1 else ""))


def cases(point):
    """All cases of a point; a new point is taken for one of a journey."""
    found = []
    for front in ("fcgi", "cgi"):
        if point in INSTALL:
            found.append(Case(point, front, "http"))
            continue
        for channel in ("http", "spool"):
            found.append(Case(point, front, channel, 1))
            if point in REFRESH:
                continue
            found.append(Case(point, front, channel, 3))
            if point in EACH_MESSAGE:
                found.append(Case(point, front, channel, 3, 2))
    return found


def run(case):
    """Plays one case."""
    if case.point in REFRESH:
        refresh(case)
    elif case.point in INSTALL:
        install(case)
    else:
        journey(case)


def world_of(case, **config):
    """Its world."""
    return World(case.front, case.channel, case.point, case.passing, **config)


def journey(case):
    """See the head of this file."""
    with world_of(case) as world:
        world.start()
        world.send(case.messages)
        world.wait_killed()
        if case.messages == 1 and case.point in AFTER:
            states = list(world.site.states().values())
            assert states == AFTER[case.point], \
                f"died with {states}, not {AFTER[case.point]}"
        go_on(world, case)
        judge(world, 1 if case.point in TWICE else 0)


def refresh(case):
    """See the head of this file."""
    with world_of(case) as world:
        world.start(armed=False)
        installed(world)
        world.end()
        event = world.event(case.messages)
        world.portal.expire()
        world.start()
        world.send(event=event)
        world.wait_killed()
        assert list(world.site.states().values()) == ["delivered"]
        go_on(world, case, reinstall=case.point in PAIR_LOST)
        judge(world, 0)


def install(case):
    """Nothing but the installation makes the application_token known. Once
    it is kept, the next process proves it by itself; where only CGI runs, a
    pass of the tool does."""
    with world_of(case, app={"application_token": None}) as world:
        world.start()
        world.post(world.portal.install())
        world.wait_killed()
        world.start()
        if case.point == "install-before-commit":
            installed(world)
        else:
            world.wait(world.installed, pusher(world, by_tool=world.cgi))
        answer = world.send()
        assert answer.status == 200, answer
        world.wait_done(None)       # it is written behind the answer
        judge(world, 0)


def installed(world):
    """ONAPPINSTALL, to its good end."""
    answer = world.post(world.portal.install())
    assert answer.status == 200 and answer.json["result"] == "installed", \
        answer


def go_on(world, case, reinstall=False):
    """A new life, with another event in the same chat."""
    by_tool = world.cgi and case.channel == "http"
    push = pusher(world, by_tool)
    world.start()
    if reinstall:
        # nobody can have a refresh token again that was used: the portal's
        # messages wait until the app is installed once more
        world.wait(lambda: world.done() or any(
            c.error == "invalid_grant" for c in world.portal.refreshes), push)
        installed(world)
    if by_tool:                 # the tool alone must bring it to its end
        world.wait_done(push)
    world.send()
    world.wait_done(push)


def pusher(world, by_tool):
    """What moves things on: a pass of the tool, or a CGI process that has
    something else to do; with FastCGI nothing, it must go by itself."""
    def next_process():
        world.send(chat=OTHER)
        world.server.settle()
    if not world.cgi:
        return None
    return world.retry_pass if by_tool else next_process


def judge(world, twice):
    """Everything that the ledger knows; and no call against the rules."""
    if world.portal.look:
        world.portal.look()
    wrongs = {k: v for k, v in
              world.ledger.wrongs(world.site.queue()).items() if v}
    assert not wrongs, wrongs
    again = world.ledger.twice()
    assert len(again) <= 1 and sum(again.values()) == twice, \
        f"handed over again: {again}, expected {twice}"
    assert not world.portal.violations, world.portal.violations
