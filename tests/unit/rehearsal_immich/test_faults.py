# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault, as a client meets it."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

PING = "/api/server/ping"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server("3.1.0", {}, tmp_path) as server:
        yield server


def ask(server: Server, path: str = PING, method: str = "GET", body: dict | None = None) -> tuple[int, bytes, http.client.HTTPMessage]:
    """One answer as it came: no redirect is followed."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def test_a_fault_is_for_the_next_requests_that_it_is_meant_for(server: Server) -> None:
    server.faults.status(500, times=2, on="GET /api/server/version$")
    assert ask(server)[0] == 200
    assert [ask(server, "/api/server/version")[0] for _time in range(3)] == [500, 500, 200]
    server.faults.status(500)
    server.faults.clear()
    assert ask(server)[0] == 200


def test_answers_of_somebody_else(server: Server) -> None:
    server.faults.too_many_requests(retry_after=7)
    status, _body, headers = ask(server)
    assert (status, headers["retry-after"]) == (429, "7")
    server.faults.bad_gateway()
    status, body, headers = ask(server)
    assert status == 502 and b"502 Bad Gateway" in body and headers["content-type"].startswith("text/html")
    server.faults.html()
    status, body, _headers = ask(server)
    assert status == 200 and body.startswith(b"<!DOCTYPE html>")
    server.faults.redirect()
    status, _body, headers = ask(server)
    assert (status, headers["location"]) == (302, f"{server.url}/login?next=%2F")
    server.faults.redirect("https://login.example.net/")
    assert ask(server)[2]["location"] == "https://login.example.net/"


def test_json_that_ends_too_early(server: Server) -> None:
    server.faults.truncated()
    status, body, _headers = ask(server)
    assert status == 200 and body and b'{"res": "pong"}'.startswith(body) and not body.endswith(b"}")


def test_connections_that_end(server: Server) -> None:
    server.faults.reset()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(server)
    server.faults.reset_in_body()
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        ask(server)
    assert [request.status for request in server.requests] == [0, 0]


def test_a_restart_in_the_middle_of_a_request(server: Server) -> None:
    admin = {"email": "admin@example.net", "name": "Admin", "password": "admin"}
    server.faults.restart(bad_gateways=2, lost=True, on="POST")
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        ask(server, "/api/auth/admin-sign-up", "POST", admin)
    assert [ask(server)[0] for _time in range(3)] == [502, 502, 200]
    assert server.running.admin(), "the work was done before the connection ended"


def test_slow_headers(server: Server) -> None:
    server.faults.slow_headers(0.2)
    start = time.monotonic()
    assert ask(server)[0] == 200
    assert time.monotonic() - start >= 0.2


def test_refused(server: Server) -> None:
    with server.refused(), pytest.raises(ConnectionRefusedError):
        ask(server)
    assert ask(server)[0] == 200


@pytest.mark.parametrize(("kind", "reason"), [("valid", ""), ("expired", "certificate has expired")])
def test_certificates(kind: str, reason: str, tmp_path: Path) -> None:
    with Server("3.1.0", {}, tmp_path, tls=kind) as server:
        context = ssl.create_default_context(cafile=str(server.ca))
        if not reason:
            with urllib.request.urlopen(server.url + PING, context=context, timeout=10) as answer:
                assert answer.status == 200
            return
        with pytest.raises(urllib.error.URLError, match=reason):
            urllib.request.urlopen(server.url + PING, context=context, timeout=10)
