# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client: what it sends, what it accepts, and what it says when something is wrong."""

from __future__ import annotations

import ast
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from ansible_collections.homelab.immich.plugins.module_utils.immich import client as module
from ansible_collections.homelab.immich.plugins.module_utils.immich.answers import mismatch
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import (
    ApiError,
    Forbidden,
    ImmichError,
    MutationRefused,
    NotFound,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport

KEY = "k3y-nobody-may-see"


@pytest.fixture
def waits() -> list[float]:
    """How long the client slept."""
    return []


@pytest.fixture
def connect(scripted: Any, waits: list[float]) -> Callable[..., Client]:
    """Make a client of the scripted server."""

    def make(url: str = "", **options: Any) -> Client:
        return Client(HttpTransport(url or scripted.url, rehearsal=True), sleep=waits.append, **{"api_key": KEY, **options})

    return make


def failure(call: Callable[[], Any], kind: type[Exception] = ImmichError) -> str:
    with pytest.raises(kind) as raised:
        call()
    text = str(raised.value)
    assert KEY not in text and text.endswith("."), text
    return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- what is sent


def test_a_request_carries_the_key_and_its_body(scripted: Any, connect: Any) -> None:
    scripted.say({"id": "1"}, status=201)
    assert connect().post("/libraries", {"name": "A"}, doing="create a library") == {"id": "1"}
    ((method, path, headers, body),) = scripted.seen
    assert (method, path, headers["x-api-key"], body) == ("POST", "/api/libraries", KEY, b'{"name": "A"}')


def test_a_session_takes_the_place_of_the_key_and_is_ended(scripted: Any, connect: Any) -> None:
    scripted.say({"accessToken": "t0ken", "isAdmin": True, "userId": "u"}, [], {"successful": True})
    api = connect()
    api.login("a@example.net", "secret")
    api.get("/libraries", doing="list")
    api.close()
    api.close()
    assert [path for _method, path, _headers, _body in scripted.seen] == ["/api/auth/login", "/api/libraries", "/api/auth/logout"]
    assert scripted.seen[1][2]["x-immich-user-token"] == "t0ken" and "x-api-key" not in scripted.seen[1][2]


def test_a_session_that_cannot_be_ended_is_a_warning_without_its_token(scripted: Any, connect: Any) -> None:
    scripted.say({"accessToken": "t0ken", "isAdmin": True, "userId": "u"}, 500)
    api = connect()
    api.login("a@example.net", "secret")
    api.close()
    assert "stays open" in api.warnings[0] and "t0ken" not in api.warnings[0]


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/"])
def test_the_address_may_end_as_people_write_it(scripted: Any, connect: Any, suffix: str) -> None:
    scripted.say({"res": "pong"})
    connect(scripted.url + "/sub" + suffix).get("/server/ping", doing="ping")
    assert scripted.seen[0][1] == "/sub/api/server/ping"


def test_identifiers_are_quoted(scripted: Any, connect: Any) -> None:
    scripted.say({})
    connect().get("/libraries/a b?x=1#é\n", doing="read")
    assert scripted.seen[0][1] == "/api/libraries/a%20b%3Fx%3D1%23%C3%A9%0A"


# --- what is accepted


@pytest.mark.parametrize(("status", "body", "parsed"), [(200, "[]", []), (201, '{"a": 1}', {"a": 1}), (204, "", None), (200, "", None), (202, " \n", None)])
def test_any_2xx_is_success(scripted: Any, connect: Any, status: int, body: str, parsed: Any) -> None:
    scripted.say(body, status=status)
    assert connect().post("/jobs", {}, doing="start a job") == parsed


def test_the_version_is_asked_once(scripted: Any, connect: Any) -> None:
    scripted.say({"major": 3, "minor": 3, "patch": 5, "prerelease": None})
    api = connect()
    assert str(api.version) == "v3.3.5" and api.capabilities.admin_config_api and api.requests == len(scripted.seen) == 1


# --- what is refused


def test_check_mode_sends_nothing_that_changes_something(scripted: Any, connect: Any) -> None:
    scripted.say([])
    api = connect(read_only=True)
    assert api.get("/libraries", doing="list") == []
    for call in (lambda: api.post("/libraries", {}, doing="x"), lambda: api.put("/libraries/1", {}, doing="x"), lambda: api.delete("/libraries/1", doing="x")):
        assert "check mode changes nothing" in failure(call, MutationRefused)
    assert len(scripted.seen) == api.requests == 1


@pytest.mark.parametrize("url", ["http://192.0.2.1", "https://photos.example.net/", "http://127.0.0.1.example.net", "http://[::2]:80", "http://0.0.0.0"])
def test_a_rehearsal_reaches_this_machine_only(url: str) -> None:
    assert "this is a rehearsal" in failure(lambda: HttpTransport(url, rehearsal=True))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8", "http://localhost/x", "http://[::1]:2283"])
def test_this_machine_by_its_names(url: str) -> None:
    assert HttpTransport(url, rehearsal=True).base == url


def test_a_rehearsal_ignores_the_proxy_of_the_environment(scripted: Any, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    scripted.say([])
    assert connect().get("/libraries", doing="list") == []


def test_a_real_run_uses_the_proxy_of_the_environment(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", scripted.url)
    monkeypatch.delenv("no_proxy", raising=False)
    scripted.say([])
    assert Client(HttpTransport("http://photos.example.net")).get("/libraries", doing="list") == []
    assert scripted.seen[0][1] == "http://photos.example.net/api/libraries"


@pytest.mark.parametrize(
    "url",
    ["", "photos.example.net", "ftp://photos.example.net", "http://", "http://a b", "http://[::1", "http://x:99999", "file:///etc/passwd", "http://x\n.y"],
)
def test_what_is_no_address(url: str) -> None:
    assert "https://photos.example.net" in failure(lambda: HttpTransport(url))


@pytest.mark.parametrize("url", ["http://user:pass@example.net", "http://example.net/?key=pass", "http://example.net/#pass"])
def test_an_address_with_more_than_an_address_is_refused_without_showing_it(url: str) -> None:
    assert "pass" not in failure(lambda: HttpTransport(url))


@pytest.mark.parametrize("key", ["abc\n", "a b", "kéy", "\x00"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(connect: Any, key: str) -> None:
    text = failure(lambda: connect(api_key=key))
    assert "characters that no key has" in text and key not in text


def test_a_redirect_is_not_followed(scripted: Any, connect: Any) -> None:
    scripted.say("", status=302, location="https://user:pw@login.example.net/?token=abc")
    text = failure(lambda: connect().get("/libraries", doing="list the libraries"), UnexpectedAnswer)
    assert "redirect to https://login.example.net" in text and "abc" not in text and "pw" not in text and len(scripted.seen) == 1


# --- trying again


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_waits_for_a_server_that_restarts(scripted: Any, connect: Any, waits: list[float], status: int) -> None:
    scripted.say(status, status, [])
    api = connect()
    assert api.get("/libraries", doing="list") == [] and api.requests == 3 and waits == [0.5, 1.0]


def test_replacing_is_tried_again_too_for_it_does_no_more_twice_than_once(scripted: Any, connect: Any) -> None:
    scripted.say(503, {"id": "1"})
    assert connect().put("/libraries/1", {}, doing="update") == {"id": "1"}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_creating_and_deleting_are_never_sent_twice(scripted: Any, connect: Any, method: str) -> None:
    scripted.say(503)
    failure(lambda: connect().request(method, "/libraries", doing="change something"), ApiError)
    scripted.say(b"")
    failure(lambda: connect().request(method, "/libraries", doing="change something"), Unreachable)
    assert len(scripted.seen) == 2


def test_trying_again_ends(scripted: Any, connect: Any, waits: list[float]) -> None:
    scripted.say(503)
    text = failure(lambda: connect().get("/libraries", doing="list the libraries"), ApiError)
    assert "answered 503" in text and "starting or overloaded" in text and len(scripted.seen) == 5 and sum(waits) < 10


def test_nothing_is_tried_again_after_the_timeout(connect: Any, waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        api = connect(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
        assert "no answer within 0.2 s" in failure(lambda: api.get("/server/ping", doing="ping"), Unreachable)
        assert api.requests == 1 and waits == []


def test_nobody_there(connect: Any) -> None:
    api = connect(f"http://127.0.0.1:{free_port()}")
    text = failure(lambda: api.post("/libraries", {}, doing="create a library"), Unreachable)
    assert text.startswith("Could not create a library: POST http://127.0.0.1:") and "connection refused; check the address" in text
    assert api.requests == 5, "nothing was delivered, so trying again is safe"


# --- answers that are not Immich's


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n[1, 2", "the answer broke off"),
        (b"", "the connection broke off"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "Could not list"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0"),
    ],
)
def test_an_answer_that_breaks_off_is_told(scripted: Any, connect: Any, answer: bytes, says: str) -> None:
    scripted.say(answer)
    text = failure(lambda: connect().get("/libraries", doing="list the libraries"), Unreachable)
    assert says in text and "check the address" in text


@pytest.mark.parametrize("body", ['[{"id": "1"', "nonsense", "\x00", "[" * 100_000, "1" * 10_000 + "x"])
def test_what_is_not_json_is_told(scripted: Any, connect: Any, body: str) -> None:
    scripted.say(body)
    assert "not JSON" in failure(lambda: connect().get("/libraries", doing="list the libraries"), UnexpectedAnswer)


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_a_web_page_is_told(scripted: Any, connect: Any, status: int) -> None:
    scripted.say("<!doctype html><h1>Log in</h1>", status=status, content_type="text/html; charset=utf-8")
    text = failure(lambda: connect().get("/libraries", doing="list the libraries"))
    assert "web page" in text and "leads to Immich itself" in text and "<h1>" not in text


def test_an_empty_answer_where_data_is_expected_is_told(scripted: Any, connect: Any) -> None:
    scripted.say("", status=200)
    assert "answered nothing" in failure(lambda: connect().get("/libraries", doing="list", shape=[{}]), UnexpectedAnswer)


@pytest.mark.parametrize(
    ("value", "shape", "problem"),
    [
        ({"a": 1}, {"a": int}, None),
        ({"a": 1, "b": 2}, {"a": int}, None),
        ({}, {"a": int}, "the answer has no a"),
        ([], {"a": int}, "the answer is not an object"),
        ({}, [str], "the answer is not a list"),
        ([{"a": "x"}, {"a": 1}], [{"a": str}], "the answer[1].a is int, not str"),
        ({"a": True}, {"a": int}, "the answer.a is bool, not int"),
        ({"a": None}, {"a": (str, None)}, None),
        ({"a": 1}, {"a": (str, None)}, "the answer.a is int"),
        (1, None, "the answer is not null"),
    ],
)
def test_the_shape_of_an_answer(value: Any, shape: Any, problem: str | None) -> None:
    assert mismatch(value, shape) == problem


# --- errors


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (
            400,
            {"message": "Invalid import path: Not a directory", "error": "Bad Request", "statusCode": 400},
            ApiError,
            "answered 400 (Invalid import path: Not a directory); correct what",
        ),
        (
            400,
            {"message": ["name must be a string", "name should not be empty"], "statusCode": 400},
            ApiError,
            "(name must be a string; name should not be empty)",
        ),
        (
            400,
            {"message": "Validation failed", "errors": [{"path": ["importPaths", 0], "message": "Too small"}]},
            ApiError,
            "(Validation failed; importPaths.0: Too small)",
        ),
        (401, {"message": "Invalid API key"}, Unauthorized, "(Invalid API key); check the API key"),
        (
            403,
            {"message": "Missing required permission: library.update"},
            Forbidden,
            "(Missing required permission: library.update); the key needs that permission",
        ),
        (404, {"message": "Cannot GET /api/x"}, NotFound, "check that url, or namespace and service, leads to Immich itself"),
        (500, {"message": "Internal server error"}, ApiError, "the server's log says more"),
        (500, "", ApiError, "answered 500; the server's log"),
        (418, [1], ApiError, "answered 418; correct"),
        (400, {"message": {"deep": 1}, "errors": "x"}, ApiError, "answered 400"),
        (400, {"message": None, "errors": [1, {"path": 3}, {"message": None}]}, ApiError, "answered 400"),
    ],
)
def test_errors_of_both_dialects_say_what_to_do(scripted: Any, connect: Any, status: int, body: Any, kind: type[ApiError], says: str) -> None:
    scripted.say(body, status=status)
    text = failure(lambda: connect().put("/libraries/1", {}, doing="update library A"), kind)
    assert text.startswith(f"Could not update library A: PUT {scripted.url}/api/libraries/1 answered {status}") and says in text


@pytest.mark.parametrize(
    ("status", "message", "says"),
    [
        (503, 'no endpoints available for service "immich-server"', "no pod of the Service answers"),
        (404, 'services "immich-server" not found', "the cluster has no such Service"),
        (403, 'User "x" cannot get resource "services/proxy"', "needs get, create, update and delete on services/proxy"),
        (401, "Unauthorized", "credentials of this kubeconfig"),
    ],
)
def test_errors_of_the_kubernetes_api_in_front_are_told_apart(scripted: Any, connect: Any, status: int, message: str, says: str) -> None:
    scripted.say({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}, status=status)
    assert says in failure(lambda: connect().get("/libraries", doing="list the libraries"), ApiError)


def test_a_server_that_repeats_the_key_does_not_get_it_shown(scripted: Any, connect: Any) -> None:
    scripted.say({"message": f"Invalid API key {KEY}"}, status=401)
    assert "***" in failure(lambda: connect().get("/libraries", doing="list"), Unauthorized)


def test_an_untrusted_certificate_is_told(connect: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _address = listener.accept()
                    with context.wrap_socket(plain, server_side=True) as secured:
                        secured.recv(65536)
                        secured.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]")
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        url = f"https://localhost:{listener.getsockname()[1]}"
        assert "is not trusted" in failure(lambda: connect(url).get("/libraries", doing="list"), Unreachable)
        trusting = HttpTransport(url, rehearsal=True, ca_cert=str(tmp_path / "ca.pem"))
        assert Client(trusting).get("/libraries", doing="list") == []
        assert Client(HttpTransport(url, validate_certs=False)).get("/libraries", doing="list") == []
        listener.shutdown(socket.SHUT_RDWR)


def test_a_certificate_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        assert "give the path of a PEM file" in failure(lambda path=path: HttpTransport("https://localhost", ca_cert=str(path)))


# --- it also runs where there is no Ansible


STANDALONE = ["answers.py", "client.py", "errors.py", "transport.py", "versions.py"]


@pytest.mark.parametrize("name", STANDALONE)
def test_only_the_standard_library_is_imported(name: str) -> None:
    tree = ast.parse((Path(module.__file__).parent / name).read_text())
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module]
    assert imported and {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_it_runs_without_ansible(scripted: Any, tmp_path: Path) -> None:
    scripted.say({"major": 3, "minor": 3, "patch": 5})
    package = tmp_path / "immich"
    package.mkdir()
    for name in STANDALONE:
        (package / name).write_text((Path(module.__file__).parent / name).read_text())
    code = f"from immich.client import Client; from immich.transport import HttpTransport; print(Client(HttpTransport({scripted.url!r})).capabilities.version)"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "v3.3.5\n"
