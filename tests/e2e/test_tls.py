"""Whom access tokens are shown to: TLS, hosts, plain http, renamed portals.

In every refused case the message is stored and handed over, the answer is
202, and the portal never sees a request.
"""

import pytest

import events
from events import as_form, event
from standin import Portal


@pytest.fixture
def secure(authority):
    """Starts an https portal with a certificate of some kind."""
    running = []

    def begin(kind="good", host="127.0.0.1"):
        portal = Portal(authority.context(kind), host).start()
        portal.add_token(events.ACCESS)
        running.append(portal)
        return portal
    yield begin
    for portal in running:
        portal.stop()


def assert_not_told(server, answer, *portals):
    """Stored and handed over, 202, no call; the log says why."""
    assert answer.status == 202, answer
    assert len(server.site.spooled()) == 1
    assert server.site.states() == {86497: "delivered"}
    for portal in portals:
        assert portal.calls == []
    assert events.ACCESS not in server.log()


def config(authority, **more):
    """No plain http, and the stand-in's CA."""
    return {"insecure_http": "no", "ca_file": authority.ca_file, **more}


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost"])
def test_good_certificate(start, front, secure, authority, name):
    portal = secure()
    server = start(front, app=config(authority))
    answer = server.post(as_form(event(
        endpoint=portal.endpoint.replace("127.0.0.1", name))))
    assert answer.status == 200
    assert len(portal.deliveries) == 1


@pytest.mark.parametrize("kind", ["untrusted", "wronghost", "expired"])
def test_bad_certificate(start, front, secure, authority, kind):
    portal = secure(kind)
    server = start(front, app=config(authority))
    answer = server.post(as_form(event(endpoint=portal.endpoint)))
    assert_not_told(server, answer, portal)
    assert portal.connections > 0       # it was tried


def test_own_ca_is_needed(start, secure):
    """Without ca_file the system's CAs decide, and they do not know ours."""
    portal = secure()
    server = start(app={"insecure_http": "yes"})
    answer = server.post(as_form(event(endpoint=portal.endpoint)))
    assert_not_told(server, answer, portal)


def test_plain_http_is_refused(start, front, portal, authority):
    server = start(front, app=config(authority))
    answer = server.post(as_form(event(endpoint=portal.endpoint)))
    assert_not_told(server, answer, portal)
    assert portal.connections == 0
    assert "http" in server.log()


@pytest.mark.parametrize("pattern, host, told", [
    ("*.bitrix24.com", "127.0.0.1", False),
    ("127.0.0.2 otherhost", "127.0.0.1", False),
    ("*.localhost", "localhost", False), ("LOCALHOST", "localhost", True),
    ("localhost", "127.0.0.1", False), ("otherhost localhost", "LocalHost",
                                        True)])
def test_host_of_the_endpoint(start, portal, pattern, host, told):
    server = start(app={"portals": pattern})
    answer = server.post(as_form(event(
        endpoint=portal.endpoint.replace("127.0.0.1", host))))
    if told:
        assert answer.status == 200
    else:
        assert_not_told(server, answer, portal)
        assert portal.connections == 0


def test_default_portals_are_the_cloud(start, portal):
    server = start(app={"portals": None})
    answer = server.post(as_form(event(endpoint=portal.endpoint)))
    assert_not_told(server, answer, portal)


@pytest.mark.parametrize("endpoint", [
    "", ..., "nonsense", "ftp://{host}/rest/", "//{host}/rest/",
    "http://some.bitrix24.com@{host}/rest/",
    "http://user:pw@{host}/rest/", "http://{host}\\@some.bitrix24.com/rest/",
    "http://{host}#.bitrix24.com/rest/", "http://{host}/rest/\r\nX: y",
    "http://{host} .bitrix24.com/", "http://[::1/rest/", "http:///rest/",
    "http://{host}?.bitrix24.com/rest/", "http://evilbitrix24.com/rest/",
    "http://bitrix24.com.evil.example/rest/", "http://{host}%23.bitrix24.com/"])
def test_tricky_endpoints(start, portal, endpoint):
    """Nothing that only looks like a portal's address is called."""
    server = start(app={"portals": ["*.bitrix24.com"]})
    if endpoint is not ...:
        endpoint = endpoint.format(host=f"127.0.0.1:{portal.port}")
    answer = server.post(as_form(event(endpoint=endpoint)))
    assert_not_told(server, answer, portal)
    assert portal.connections == 0


def test_domain_is_never_tested(start, portal):
    server = start()
    answer = server.post(as_form(event(endpoint=portal.endpoint,
                                       domain="evil.example")))
    assert answer.status == 200
    server = start(app={"portals": "*.bitrix24.com"})
    answer = server.post(as_form(event(endpoint=portal.endpoint,
                                       domain="some.bitrix24.com")))
    assert_not_told(server, answer)
    assert len(portal.calls) == 1


@pytest.mark.parametrize("slash", ["", "/"])
def test_configured_endpoint_goes_first(start, front, portal, slash):
    server = start(front, app={
        "client_endpoint": portal.endpoint.rstrip("/") + slash,
        "portals": "*.bitrix24.com"})
    with Portal() as other:
        answer = server.post(as_form(event(endpoint=other.endpoint)))
        assert answer.status == 200
        assert other.connections == 0
    assert len(portal.deliveries) == 1


def test_redirects_are_followed_once_and_only_to_portals(start, portal):
    with Portal() as renamed:
        renamed.add_token(events.ACCESS)
        portal.always(f"moved:{renamed.url}")
        answer = start().post(as_form(event(endpoint=portal.endpoint)))
        assert answer.status == 200
        assert len(renamed.deliveries) == 1
        assert renamed.deliveries[0].method == "POST"
        renamed.always(f"moved:{portal.url}")       # round and round
        server = start()
        answer = server.post(as_form(event(endpoint=portal.endpoint)))
        assert_not_told(server, answer)
        assert len(renamed.calls) == 2 and len(portal.calls) == 2
        assert renamed.violations == []


def test_redirect_to_a_stranger(start, portal):
    with Portal() as stranger:
        portal.always("moved:" + stranger.url.replace("127.0.0.1",
                                                      "localhost"))
        server = start(app={"portals": "127.0.0.1"})
        answer = server.post(as_form(event(endpoint=portal.endpoint)))
        assert_not_told(server, answer, stranger)
        assert stranger.connections == 0


@pytest.mark.parametrize("path", ["rest/", "rest"])
def test_a_slash_is_added_to_an_endpoint(start, portal, path):
    answer = start().post(as_form(event(endpoint=portal.url + path)))
    assert answer.status == 200 and len(portal.deliveries) == 1
