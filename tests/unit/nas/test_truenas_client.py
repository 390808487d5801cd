# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client keeps the key to the NAS that was named, and says in one sentence why it cannot do what it should."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading

import pytest
import trustme
from aiohttp import web
from ansible_collections.homelab.immich.plugins.module_utils.truenas import client
from ansible_collections.homelab.immich.plugins.module_utils.truenas.client import CallError, LoginError, TrueNAS, TrueNASError, websocket_url
from ansible_collections.homelab.immich.rehearsal.truenas.testing import API_KEY, USER, Server


def refused(connection: TrueNAS) -> str:
    """Why there is no connection; never with the key in it."""
    with pytest.raises(TrueNASError) as caught:
        connection.__enter__()
    assert API_KEY not in str(caught.value)
    return str(caught.value)


class Elsewhere:
    """A server that is no TrueNAS: it answers every request as it is told to, and remembers what it heard."""

    def __init__(self, tmp_path, handler, tls=True):
        authority = trustme.CA()
        self.ca_cert = tmp_path / "elsewhere.pem"
        authority.cert_pem.write_to_path(str(self.ca_cert))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.heard: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

        async def start() -> int:
            async def answer(request):
                self.heard.append(str(request.url))
                return await handler(self, request)

            app = web.Application()
            app.router.add_get("/{path:.*}", answer)
            self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await self._runner.setup()
            await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context if tls else None).start()
            return self._runner.addresses[0][1]

        self.port = asyncio.run_coroutine_threadsafe(start(), self._loop).result(10)
        self.url = f"wss://127.0.0.1:{self.port}"

    def close(self):
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def elsewhere(tmp_path):
    """Make such servers."""
    made = []

    def make(handler, **options):
        made.append(Elsewhere(tmp_path, handler, **options))
        return made[-1]

    yield make
    for server in made:
        server.close()


def listener():
    """A port that somebody listens at, and nothing else."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.2)
    return listening


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("192.0.2.10", "wss://192.0.2.10/api/current"),
        ("tank.example.net:8443", "wss://tank.example.net:8443/api/current"),
        ("https://tank.example.net/", "wss://tank.example.net/api/current"),
        ("wss://tank.example.net/api/v25.10.0", "wss://tank.example.net/api/v25.10.0"),
        ("wss://tank.example.net/api/current", "wss://tank.example.net/api/current"),
        ("wss://127.0.0.1:4433/tank", "wss://127.0.0.1:4433/tank/api/current"),
        ("wss://[2001:db8::1]:8443", "wss://[2001:db8::1]:8443/api/current"),
    ],
)
def test_an_address_is_completed(given, used):
    assert websocket_url(given) == used


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_no_key_goes_out_without_tls(scheme):
    with listener() as somebody:
        with pytest.raises(TrueNASError, match="Use wss://: TrueNAS revokes an API key"):
            TrueNAS(f"{scheme}://127.0.0.1:{somebody.getsockname()[1]}", USER, API_KEY)
        with pytest.raises(TimeoutError):  # nobody even connected
            somebody.accept()


@pytest.mark.parametrize("url", ["wss://", "wss://ansible:secret@tank.example.net", "wss://tank.example.net:port"])
def test_an_address_that_is_none(url):
    with pytest.raises(TrueNASError) as caught:
        websocket_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["wss://192.0.2.10", "tank.example.net", "wss://127.0.0.1.example.net", "wss://localhost.example.net"])
def test_a_rehearsal_reaches_this_machine_only(url):
    with pytest.raises(TrueNASError, match="This is a rehearsal, and TrueNAS is at"):
        TrueNAS(url, USER, API_KEY, rehearsal=True)


def test_a_rehearsal_looks_where_it_really_got(tank, monkeypatch):
    """A name for this machine may lead elsewhere; what counts is whom the connection is with."""
    monkeypatch.setattr(socket.socket, "getpeername", lambda self: ("192.0.2.10", 443))
    assert "This is a rehearsal, and 127.0.0.1 is 192.0.2.10" in refused(tank.client())
    assert tank.methods == []


def test_no_proxy_comes_in_between(tank, monkeypatch):
    with listener() as proxy:
        for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        with tank.client() as api:
            assert api.call("core.ping") == "pong"
        with pytest.raises(TimeoutError):
            proxy.accept()


def test_a_certificate_that_nobody_vouches_for(tank):
    assert "is not trusted" in refused(tank.client(ca_cert=None))
    assert "nas_api_ca_cert" in refused(tank.client(ca_cert=None))
    assert tank.methods == []


def test_a_certificate_for_somebody_else(tank):
    assert "Set nas_api_url to a name that the certificate has, or give this very certificate as nas_api_ca_cert." in refused(
        tank.client(url=tank.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"), rehearsal=False)
    )
    assert tank.methods == []


def test_the_very_certificate_that_was_given_counts_for_any_name(tmp_path):
    """The one that TrueNAS comes with is for localhost."""
    with Server(tmp_path, bare=True, names=("localhost",)) as nas, nas.client(ca_cert=str(nas.certificate)) as api:
        assert api.call("core.ping") == "pong"


def test_another_certificate_than_the_one_that_was_given(tank, tmp_path):
    (tmp_path / "other").mkdir()
    with Server(tmp_path / "other", bare=True, names=("localhost",)) as other:
        assert "is not trusted" in refused(tank.client(ca_cert=str(other.certificate)))
        assert "is not trusted" in refused(other.client(ca_cert=str(tank.certificate)))
        assert tank.methods == other.methods == []


def test_a_certificate_need_not_be_valid_when_somebody_says_so(tank):
    with tank.client(ca_cert=None, validate_certs=False) as api:
        assert api.call("core.ping") == "pong"


def test_a_ca_file_that_is_none(tank, tmp_path):
    (tmp_path / "empty.pem").touch()
    assert "empty.pem (nas_api_ca_cert) cannot be read as PEM" in refused(tank.client(ca_cert=str(tmp_path / "empty.pem")))
    assert "absent.pem (nas_api_ca_cert) cannot be read" in refused(tank.client(ca_cert=str(tmp_path / "absent.pem")))


def test_no_library(tank, monkeypatch):
    monkeypatch.setattr(client, "websocket", None)
    assert "pip install websocket-client" in refused(tank.client())


@pytest.mark.parametrize(("missing", "words"), [({"username": ""}, "nas_api_user"), ({"api_key": ""}, "nas_api_key")])
def test_no_credentials(tank, missing, words):
    with pytest.raises(TrueNASError, match=words):
        tank.client(**missing)


def test_a_wrong_key(tank):
    assert "does not let rehearsal in: the user or the API key is wrong" in refused(tank.client(api_key="1-another"))
    assert "does not let somebody in" in refused(tank.client(username="somebody"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("EXPIRED", "the API key has expired"),
        ("OTP_REQUIRED", "second factor"),
        ("DENIED", "allowed addresses"),
        ("REDIRECT", "standby controller"),
        ("SOMETHING_NEW", "it answers SOMETHING_NEW"),
    ],
)
def test_other_reasons_not_to_be_let_in(tank, answer, words):
    tank.drift(lambda state: state.update(login=answer))
    assert words in refused(tank.client())


def test_the_ban_is_named(tank):
    for _number in range(20):
        with tank.client():
            pass
    with pytest.raises(LoginError, match="refuses logins from this machine for ten minutes"), tank.client():
        pass
    now = tank.clock()
    tank.clock = lambda: now + 300
    assert "for ten minutes" in refused(tank.client())  # still
    tank.clock = lambda: now + 601
    with tank.client() as api:
        assert api.call("core.ping") == "pong"


def test_one_connection_takes_any_number_of_calls(tank):
    with tank.client() as api:
        for _number in range(50):
            api.call("core.ping")
    assert tank.methods.count("auth.login_ex") == 1


@pytest.mark.parametrize(
    "method", ["sharing.nfs.create", "pool.dataset.create", "pool.dataset.delete", "filesystem.mkdir", "service.update", "service.control", "core.bulk"]
)
def test_what_would_change_something_is_not_sent(tank, method):
    with tank.client() as api, pytest.raises(TrueNASError, match="nothing may be changed now. It was not sent"):
        api.call(method, {})
    assert tank.methods == ["auth.login_ex"]


def test_a_method_that_is_not_there(tank):
    with tank.client(read_only=False) as api, pytest.raises(CallError, match="knows no method pool.scrub.run"):
        api.call("pool.scrub.run", {})


def test_a_validation_error_names_the_fields(tank):
    with tank.client() as api, pytest.raises(CallError, match="does not accept user.query: filters: Invalid filter") as caught:
        api.query("user.query", [["uid", "is", 0]])
    assert caught.value.code == errno.EINVAL
    assert caught.value.fields == [("filters", "Invalid filter ['uid', 'is', 0]")]


def test_a_file_that_is_not_there(tank):
    with tank.client() as api, pytest.raises(CallError, match="ENOENT") as caught:
        api.call("filesystem.stat", "/mnt/tank/nothing")
    assert caught.value.code == errno.ENOENT


def test_nobody_there():
    with listener() as somebody:
        port = somebody.getsockname()[1]
    assert "cannot be reached: Connection refused." in refused(TrueNAS(f"wss://127.0.0.1:{port}", USER, API_KEY))


def test_a_name_that_nobody_knows(monkeypatch):
    def unknown(*_args, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "cannot be reached: its name is not known. Check nas_api_url and ansible_host" in refused(TrueNAS("tank.example.net", USER, API_KEY))


def test_somebody_who_says_nothing():
    with listener() as somebody:
        assert "did not answer within 0.3 seconds" in refused(TrueNAS(f"wss://127.0.0.1:{somebody.getsockname()[1]}", USER, API_KEY, timeout=0.3))


def test_a_web_server_is_no_truenas(elsewhere):
    async def page(_server, _request):
        return web.Response(status=404)

    server = elsewhere(page)
    assert "answers 404 instead of opening a websocket" in refused(TrueNAS(server.url, USER, API_KEY, ca_cert=str(server.ca_cert)))


def test_a_redirect_is_not_followed(elsewhere, tank):
    async def away(_server, _request):
        raise web.HTTPFound(f"{tank.url}/api/current")

    server = elsewhere(away)
    assert "cannot be reached: it points elsewhere" in refused(TrueNAS(server.url, USER, API_KEY, ca_cert=str(server.ca_cert)))
    assert tank.methods == []


def talking(*answers):
    """A websocket that says these things, one for each message, whatever was asked."""

    async def handler(_server, request):
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        for answer in answers:
            await websocket.receive()
            if answer is None:
                await asyncio.sleep(1.5)
            else:
                await websocket.send_str(answer)
        await websocket.close()
        return websocket

    return handler


LOGGED_IN = '{"jsonrpc":"2.0","result":{"response_type":"SUCCESS"},"id":1}'


def test_events_of_others_are_passed_over(elsewhere):
    event = '{"jsonrpc":"2.0","method":"collection_update","params":{"msg":"changed"}}'

    async def handler(_server, request):
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        for answer in (LOGGED_IN, '{"jsonrpc":"2.0","result":"pong","id":2}'):
            await websocket.receive()
            await websocket.send_str(event)
            await websocket.send_str(answer)
        return websocket

    server = elsewhere(handler)
    with TrueNAS(server.url, USER, API_KEY, ca_cert=str(server.ca_cert)) as api:
        assert api.call("core.ping") == "pong"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((LOGGED_IN, "<html>"), "answered core.ping with something that is not JSON"),
        ((LOGGED_IN,), "closed the connection during core.ping"),
        ((LOGGED_IN, None), "did not answer core.ping within 0.5 seconds"),
        (
            (
                LOGGED_IN,
                '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Method call error","data":{"error":13,"reason":"[EACCES] Not authorized"}},"id":2}',
            ),
            "does not let rehearsal call core.ping ([EACCES] Not authorized). Give the user a role for it: FULL_ADMIN.",
        ),
        (
            (LOGGED_IN, '{"jsonrpc":"2.0","error":{"code":-32000,"message":"Maximum number of concurrent calls (20) has exceeded"},"id":2}'),
            "refused core.ping: Maximum number of concurrent calls (20) has exceeded",
        ),
        ((LOGGED_IN, '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid request"},"id":null}'), "refused core.ping: Invalid request"),
    ],
)
def test_answers_that_are_none(elsewhere, answers, words):
    server = elsewhere(talking(*answers))
    with TrueNAS(server.url, USER, API_KEY, ca_cert=str(server.ca_cert), timeout=0.5) as api, pytest.raises(TrueNASError) as caught:
        api.call("core.ping")
    assert words in str(caught.value)
