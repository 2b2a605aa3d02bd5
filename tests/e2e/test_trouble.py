"""When Bitrix24 does not take the status: 202, and nothing is lost.

Retries are not tested here: what counts is the answer, its time, and the
state in which the message stays.
"""

import time

import pytest

from events import JSON, as_form, as_json, event, message, update

NOT_TAKEN = [
    "error:QUERY_LIMIT_EXCEEDED", "error:INTERNAL_SERVER_ERROR",
    "error:OPERATION_TIME_LIMIT", "error:OVERLOAD_LIMIT",
    "error:ACCESS_DENIED", "error:expired_token", "error:invalid_token:200",
    "error:Expired_Token:200", "error:PORTAL_DELETED",
    "error:CONNECTION_ERROR", "error:ERROR_ARGUMENT",
    "error:WRONG_AUTH_TYPE", "status:502", "status:404", "status:204",
    "not-success", "garbage", "empty", "oversize:20000000", "cut",
    "cut-middle", "moved:http://elsewhere.example",
]


def queued(messages=1, acknowledged=0):
    """What the answer must say."""
    return {"result": "queued", "messages": messages,
            "acknowledged": acknowledged}


def assert_queued(answer, **counts):
    """A 202 whose counts are these; it may say more."""
    assert answer.status == 202, answer
    wanted = queued(**counts)
    assert {k: answer.json.get(k) for k in wanted} == wanted


@pytest.mark.parametrize("answer", NOT_TAKEN)
def test_portal_does_not_take_it(start, portal, answer):
    portal.always(answer)
    server = start()
    got = server.post(as_form(event(endpoint=portal.endpoint)))
    assert_queued(got)
    assert len(server.site.spooled()) == 1
    assert len(portal.calls) >= 1
    state = server.site.states()[86497]
    assert state in ("delivered", "refused")


def test_no_token_in_auth(start, front, portal):
    server = start(front)
    answer = server.post(as_form(event(
        endpoint=portal.endpoint, access_token=..., expires=...,
        expires_in=..., scope=..., status=..., user_id=...)))
    assert_queued(answer)
    assert len(server.site.spooled()) == 1 and not portal.calls
    assert server.site.states() == {86497: "delivered"}


def test_expired_by_its_own_words_is_still_tried(start, portal):
    server = start()
    answer = server.post(as_form(event(endpoint=portal.endpoint, expires=1,
                                       expires_in=0)))
    assert answer.status == 200


def test_nobody_listens(start, portal):
    server = start()
    portal.stop()
    assert_queued(server.post(as_form(event(endpoint=portal.endpoint))))
    assert server.site.states() == {86497: "delivered"}


def test_a_repeat_of_what_is_on_its_way(start, portal):
    portal.always("status:503")
    server = start("fcgi")
    value = as_form(event(endpoint=portal.endpoint))
    assert_queued(server.post(value))
    assert_queued(server.post(value))
    assert len(server.site.spooled()) == 1


@pytest.mark.parametrize("kind", ["nginx", "apache", "cgi"])
def test_slow_portal_bounds_the_answer(start, portal, kind):
    """202 when answer_within runs out; what was begun goes on."""
    portal.script("held")
    server = start(kind, server={"answer_within": 1})
    began = time.monotonic()
    answer = server.post(as_form(event(endpoint=portal.endpoint)))
    assert time.monotonic() - began > 0.8
    assert_queued(answer)
    assert server.site.states() == {86497: "delivered"}
    portal.release()
    server.site.wait_states({86497: "acknowledged"})
    assert len(portal.calls) == 1


def test_slow_channel_bounds_the_answer(start, portal, channel):
    channel.script("held")
    server = start("fcgi", server={"answer_within": 1},
                   channel={"url": channel.url})
    began = time.monotonic()
    answer = server.post(as_form(event(endpoint=portal.endpoint)))
    assert time.monotonic() - began > 0.8
    assert_queued(answer)
    channel.release()
    server.site.wait_states({86497: "acknowledged"})
    assert len(channel.calls) == 1 and len(portal.calls) == 1


def test_silent_portal_ends_with_its_limit(start, portal):
    portal.script("silence")
    server = start("fcgi", server={"answer_within": 1},
                   portal={"timeout": 2})
    assert_queued(server.post(as_form(event(endpoint=portal.endpoint))))
    # the process must not wait for the portal's limit to stop
    assert server.site.states() == {86497: "delivered"}


def test_stop_while_the_portal_is_silent(start, portal):
    """SIGTERM is obeyed in time though a call hangs; stop() asserts it."""
    portal.always("silence")
    server = start("fcgi", server={"answer_within": 1})
    assert_queued(server.post(as_form(event(endpoint=portal.endpoint))))


def test_client_hangs_up_before_the_answer(start, portal):
    """The event was complete: it is processed as if nothing happened."""
    portal.script("slow:1")
    server = start("fcgi")
    body = as_form(event(endpoint=portal.endpoint))
    with server.client() as client:
        client.begin(server.params("application/x-www-form-urlencoded",
                                   "POST", len(body)))
        client.send(body)
        client.sock.sendall(b"\1\5\0\1\0\0\0\0")     # the body's end
        portal.wait_for_calls(1)
    server.site.wait_states({86497: "acknowledged"})


def test_store_cannot_be_written(start, portal):
    """503, and nothing is accepted."""
    server = start(store={"url": "sqlite:/nonexistent/folder/queue.db"})
    answer = server.post(as_form(event(endpoint=portal.endpoint)))
    assert answer.status == 503 and "retry-after" in answer.headers
    assert answer.json["error"]
    assert not server.site.spooled() and not portal.calls


def test_spool_cannot_be_written(start, portal):
    server = start()
    server.site.spool.write_text("a file where a folder should be")
    assert_queued(server.post(as_form(event(endpoint=portal.endpoint))))
    assert not portal.calls
    assert server.site.states() == {86497: "received"}


def test_one_chat_busy_others_go_on(start, portal, channel):
    channel.script("held")
    server = start("fcgi", server={"answer_within": 4},
                   channel={"url": channel.url})

    def send(i, chat):
        return server.post(as_json(event(message(i, chat=chat),
                                         endpoint=portal.endpoint)), JSON)
    began = time.monotonic()
    assert send(1, "a").status == 202           # the channel is slow
    waited, began = time.monotonic() - began, time.monotonic()
    assert send(2, "a").status == 202           # its chat is busy
    assert time.monotonic() - began < waited / 2
    assert send(3, "b").status == 200
    channel.release()
    server.site.wait_states({1: "acknowledged", 2: "acknowledged",
                             3: "acknowledged"})
    order = [o["im"]["message_id"] for o in channel.objects]
    assert order.index(1) < order.index(2)


def test_update_not_taken(start, portal):
    portal.always("status:500")
    server = start()
    assert_queued(server.post(as_form(update(endpoint=portal.endpoint))))
    assert server.site.states() == {86497: "delivered"}
