# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on the way to a server: each module ends with one sentence, soon, and sends nothing twice that may have been done."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import CONNECTION_SPEC
from ansible_collections.homelab.immich.rehearsal.immich import faults
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from module_runner import Result, Run

from .cases import MODULES
from .conftest import EMAIL, PASSWORD, Immich

FOR_EVER = 1000
SESSION = {"api_key": None, "email": EMAIL, "password": PASSWORD}
each_module = pytest.mark.parametrize("name", MODULES)
# where a module shall end, not wait
OPTIONS = {name: options | ({"wait": False} if name in ("library_scan",) else {}) for name, options in MODULES.items()}


def served(tmp: Path) -> Server:
    (tmp / "photos").mkdir()
    return Server("3.3.5", {"/mnt/photos": tmp / "photos"}, tmp)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("immich")) as running:
        yield running


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that keeps what tests make: the others ask for the same things, in whatever order they run."""
    with served(tmp_path_factory.mktemp("written")) as running:
        yield running


@pytest.fixture
def immich(server: Server, run_module: Run) -> Iterator[Immich]:
    yield from ready_on(server, run_module)


def ready_on(server: Server, run_module: Run) -> Iterator[Immich]:
    ready = Immich(server, "", run_module)
    ready.log_in("admin")
    ready.key = ready.log_in("api_key", name="tests", permissions=["all"], replace_lost=True)["secret"]
    server.requests.clear()
    yield ready
    server.faults.clear()


def sentence(result: Result, url: str, *words: str) -> None:
    """One sentence: what was being done, to which URL, what came back, what to do."""
    message = result.message
    assert message.startswith("Could not ") and url in message and message.endswith("."), message
    assert "; " in message, f"{message} says not what to do"
    assert not [word for word in words if word not in message], message
    assert not [word for word in ("Traceback", "Error(", "<html", "urllib", "http.client", "aiohttp") if word in message], message


FAULTS: dict[str, tuple[Callable[[faults.Faults], None], tuple[str, ...]]] = {
    "reset": (lambda server: server.reset(FOR_EVER), ("the connection broke off; check the address",)),
    "reset in the middle": (lambda server: server.reset_in_body(FOR_EVER), ("the answer broke off; check the address",)),
    "truncated": (lambda server: server.truncated(FOR_EVER), ("bytes that are not JSON; check that url, or namespace and service, leads to Immich itself",)),
    "502": (lambda server: server.bad_gateway(FOR_EVER), ("answered 502 with a web page; the server is starting",)),
    "web page": (lambda server: server.html(FOR_EVER), ("answered a web page; check that url, or namespace and service, leads to", "no login page")),
    "redirect": (lambda server: server.redirect("https://login.example.net/?token=abc", FOR_EVER), ("a redirect to https://login.example.net, which",)),
    "429": (lambda server: server.too_many_requests(3600, FOR_EVER), ("answered 429", "asks to wait 3600 seconds; try again then")),
}


@each_module
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_told_in_one_sentence(immich: Immich, name: str, fault: str) -> None:
    spoil, words = FAULTS[fault]
    spoil(immich.server.faults)
    started = time.monotonic()
    result = immich.run(name, **OPTIONS[name])
    sentence(result, immich.server.url, *words)
    assert immich.key not in result.output and "token=abc" not in result.output
    assert time.monotonic() - started < 5 and len(immich.server.requests) <= 10


@pytest.fixture
def through_the_cluster(server: Server, tmp_path: Path) -> dict[str, Any]:
    """Options that reach the same server through the Kubernetes API."""
    return proxied(server, tmp_path)


def proxied(server: Server, tmp_path: Path) -> dict[str, Any]:
    entries = {"clusters": [{"name": "c", "cluster": {"server": server.url}}], "contexts": [{"name": "homelab", "context": {"cluster": "c"}}]}
    (tmp_path / "kubeconfig").write_text(json.dumps(entries))
    return {"url": None, "kubeconfig": str(tmp_path / "kubeconfig"), "context": "homelab"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_behind_the_service_proxy_is_told_alike(immich: Immich, through_the_cluster: dict[str, Any], fault: str) -> None:
    spoil, words = FAULTS[fault]
    spoil(immich.server.faults)
    result = immich.run("library_info", **through_the_cluster)
    sentence(result, f"{immich.server.url}/api/v1/namespaces/immich/services/immich-server:2283/proxy/api/", *words)
    assert immich.key not in result.output and len(immich.server.requests) <= 10


def test_an_answer_that_comes_too_late_through_the_service_proxy(
    immich: Immich, through_the_cluster: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONNECTION_SPEC, "timeout", {"type": "float"})
    immich.server.faults.slow_headers(0.3, FOR_EVER)
    sentence(immich.run("library_info", timeout=0.1, **through_the_cluster), immich.server.url, "no answer within 0.1 s")


@each_module
def test_nobody_listens(immich: Immich, name: str) -> None:
    with immich.server.refused():
        sentence(immich.run(name, **OPTIONS[name]), immich.server.url, "connection refused; check the address and that the server is running")


@each_module
def test_an_answer_that_comes_too_late(immich: Immich, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(CONNECTION_SPEC, "timeout", {"type": "float"})
    immich.server.faults.slow_headers(0.3, FOR_EVER)
    started = time.monotonic()
    sentence(immich.run(name, timeout=0.1, **OPTIONS[name]), immich.server.url, "no answer within 0.1 s")
    assert time.monotonic() - started < 3


@each_module
def test_a_wrong_key(immich: Immich, name: str) -> None:
    result = immich.run(name, api_key="k3y-nobody-may-see", **OPTIONS[name])
    if name == "maintenance":
        assert not result.failed, "everybody may see that nothing is to be done"
        return
    assert "API key" in result.message and ("give " in result.message or "check the API key" in result.message)
    assert "nobody-may-see" not in result.output and not immich.server.mutations


@pytest.fixture(scope="module", params=["expired", "valid"])
def secure(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server("3.3.5", {}, tmp_path_factory.mktemp("secure"), tls=request.param) as running:
        yield running


@each_module
def test_a_certificate_that_is_not_good(run_module: Run, secure: Server, request: pytest.FixtureRequest, name: str) -> None:
    expired = request.node.callspec.params["secure"] == "expired"
    result = run_module(name, url=secure.url, api_key="k", **MODULES[name], **({"ca_cert": str(secure.ca)} if expired else {}))
    sentence(result, secure.url, "its TLS certificate", "has expired; renew it" if expired else "give ca_cert")
    assert secure.requests == []


# --- what passes is waited for, and nothing is done twice


@each_module
@pytest.mark.parametrize("check", [True, False])
def test_a_server_that_restarts_is_waited_for(immich: Immich, name: str, check: bool) -> None:
    immich.server.faults.restart(on="GET ")
    options = {"name": "tests", "permissions": ["all"]} if name == "api_key" else OPTIONS[name]
    assert not immich.run(name, check=check, **options).failed
    assert immich.server.faults.waiting == [] or name == "maintenance"


# by module: options that make something new, whatever the name, and the request that does it
WRITES: dict[str, tuple[Callable[[str], dict[str, Any]], str]] = {
    "api_key": (lambda new: {"name": new, "permissions": ["library.read"], **SESSION}, "POST /api/api-keys$"),
    "database_backup": (lambda new: {"wait": False}, "POST /api/jobs$"),
    "library": (lambda new: {"name": new, "owner": EMAIL, "import_paths": ["/mnt/photos"], "allow_overlap": True}, "POST /api/libraries$"),
    "library_scan": (lambda new: {"name": "NAS", "wait": False}, "POST /api/libraries/[^/]+/scan$"),
    # there is no other way to start one, and a second start is refused, or a second run
    "queue": (lambda new: {"name": "smartSearch", "state": "started"}, "PUT /api/jobs/smartSearch$"),
    "user": (lambda new: {"users": [{"email": f"{new}@example.net", "name": new, "password": "secret-123"}]}, "POST /api/admin/users$"),
}


def sent(server: Server, call: str) -> int:
    return len([request for request in server.requests if re.search(call, f"{request.method} {request.path}")])


@pytest.fixture
def writing(written: Server, run_module: Run) -> Iterator[Immich]:
    """With a library to scan, and no job left."""
    yield from map(_with_a_library, ready_on(written, run_module))


def _with_a_library(immich: Immich) -> Immich:
    if "NAS" not in [library["name"] for library in immich.db["libraries"].values()]:
        assert immich.run("library", name="NAS", owner=EMAIL, import_paths=["/mnt/photos"], allow_overlap=True).changed
    assert not immich.run("queue", name="library", state="resumed").failed
    immich.server.wait()
    immich.server.requests.clear()
    return immich


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("how", ["reset_in_body", "reset", "bad_gateway", "truncated"])
def test_what_may_have_been_done_is_not_done_again(writing: Immich, name: str, how: str) -> None:
    options, call = WRITES[name]
    getattr(writing.server.faults, how)(on=call)
    sentence(writing.run(name, **options(how)), writing.server.url, *(["whether it was done is not known"] if how.startswith("reset") else []))
    assert sent(writing.server, call) == 1


@pytest.mark.parametrize("how", ["reset_in_body", "reset", "bad_gateway", "truncated"])
def test_what_may_have_been_done_through_the_service_proxy_is_not_done_again(writing: Immich, tmp_path: Path, how: str) -> None:
    options, call = WRITES["library"]
    getattr(writing.server.faults, how)(on=call)
    sentence(writing.run("library", **options(f"proxied {how}"), **proxied(writing.server, tmp_path)), writing.server.url)
    assert sent(writing.server, call) == 1


@pytest.mark.parametrize("name", ["database_backup", "library_scan", "queue"])
def test_a_server_that_goes_while_it_is_waited_for_is_told_with_what_was_done(writing: Immich, name: str) -> None:
    options, call = WRITES[name]

    async def gone(request: Any, handler: Any) -> Any:
        return faults.cut(request) if sent(writing.server, call) else await handler(request)

    writing.server.faults.add(gone, FOR_EVER, "GET /api/queues$")
    result = writing.run(name, **options("") | {"wait": True})
    sentence(result, writing.server.url, "Could not read the queues", "broke off; check the address and that the server is running. Done before that: ")
    assert result.data["changed"]


@pytest.mark.parametrize("name", WRITES)
def test_what_was_refused_before_it_was_done_is_tried_again(writing: Immich, name: str) -> None:
    options, call = WRITES[name]
    writing.server.faults.too_many_requests(0, 2, on=call)
    assert writing.run(name, **options("late")).changed and sent(writing.server, call) == 3


# by module: options that replace something, another thing each time, and the request that does it
REPLACES: dict[str, tuple[Callable[[int], dict[str, Any]], str]] = {
    "queue": (lambda number: {"name": "library", "state": "paused" if number else "resumed"}, "PUT /api/queues/library$"),
    "scan_schedule": (lambda number: {"enabled": True, "cron": f"{number} 4 * * *"}, "PUT /api/admin/config$"),
    "system_config": (lambda number: {"settings": {"trash": {"days": 70 + number}}}, "PUT /api/admin/config$"),
    "user": (lambda number: {"users": [{"email": EMAIL, "quota": f"{number + 1}Gi"}]}, "PUT /api/admin/users/[^/]+$"),
}


@pytest.mark.parametrize("name", REPLACES)
def test_a_replacement_is_sent_again_and_not_for_ever(writing: Immich, name: str) -> None:
    options, call = REPLACES[name]
    writing.run(name, **options(0))
    writing.server.faults.reset_in_body(2, on=call)
    assert writing.run(name, **options(1)).changed
    assert not writing.run(name, **options(1)).changed
    writing.server.faults.bad_gateway(FOR_EVER, on=call)
    writing.server.requests.clear()
    sentence(writing.run(name, **options(0)), writing.server.url, "answered 502")
    assert sent(writing.server, call) == 5


def test_an_account_of_which_the_answer_was_lost_is_there_the_next_time(run_module: Run, tmp_path: Path) -> None:
    with Server("3.3.5", {}, tmp_path) as server:
        server.faults.reset_in_body(on="admin-sign-up")
        options = {"url": server.url, "email": EMAIL, "password": PASSWORD}
        sentence(run_module("admin", **options), server.url, "Could not make the administrator", "the answer broke off")
        assert sent(server, "admin-sign-up") == 1
        again = run_module("admin", **options)
        assert again["authenticated_by"] == "session" and list(again.after) == ["first-run wizard"]


def test_maintenance_mode_of_which_the_answer_was_lost_is_not_started_again(run_module: Run, tmp_path: Path) -> None:
    with Server("3.3.5", {}, tmp_path) as server:
        immich = Immich(server, "", run_module)
        immich.log_in("admin")
        server.faults.reset_in_body(on="POST /api/admin/maintenance")
        sentence(immich.log_in("maintenance", enabled=True), server.url, "Could not start maintenance mode", "the answer broke off")
        assert sent(server, "POST /api/admin/maintenance$") == 1
        server.ready()
        assert "run immich-admin disable-maintenance-mode" in immich.log_in("maintenance", enabled=False).message


def test_a_server_that_is_not_ready_says_so_by_a_page_through_the_service_proxy(immich: Immich) -> None:
    url = f"{immich.server.url}/api/v1/namespaces/photos/services/immich-server:2283/proxy"
    status = '{"kind":"Status","apiVersion":"v1","message":"no endpoints available for service","code":503}'
    immich.server.faults.answer(503, status, times=FOR_EVER)
    message = immich.run("library_info", url=url).message
    assert "look with kubectl -n photos get pods and kubectl -n photos logs deployment/immich-server" in message


def test_headers_that_drip_end_with_the_timeout(run_module: Run, drip: Callable[[bytes], AbstractContextManager[str]]) -> None:
    for answer in (b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 1000, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b" " * 1000):
        with drip(answer) as url:
            started = time.monotonic()
            sentence(run_module("library_info", url=url, api_key="k", timeout=1), url, "no answer within 1 s")
            assert time.monotonic() - started < 2


@pytest.fixture
def drip() -> Callable[[bytes], AbstractContextManager[str]]:
    """A server that sends a byte every tenth of a second."""

    @contextmanager
    def serve(answer: bytes) -> Iterator[str]:
        stop = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def run() -> None:
                connection, _address = listener.accept()
                with connection:
                    for byte in answer:
                        if stop.wait(0.1):
                            return
                        try:
                            connection.sendall(bytes([byte]))
                        except OSError:
                            return

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            stop.set()
            thread.join()

    return serve
