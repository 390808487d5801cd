# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that says what a test tells it to."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest


class Scripted:
    """Answers requests in turn, the last answer stays; or by path, where a route says so."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.route: dict[str, Any] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                script.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.close_connection = True
                self.wfile.write(script.answer(self.command, self.path.partition("?")[0]))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, method: str, path: str) -> bytes:
        """Choose the answer to a request: a route is a path, or a method and a path."""
        if self.route:
            return self._response(self.route.get(f"{method} {path}", self.route.get(path, {})), 200, "application/json", {})
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def say(self, *answers: Any, status: int = 200, content_type: str = "application/json", **headers: str) -> None:
        """Set the next answers: bytes as the whole response, str as its body, anything else as JSON, an int as an empty answer of that status."""
        self.answers = [self._response(answer, status, content_type, headers) for answer in answers]

    @staticmethod
    def _response(answer: Any, status: int, content_type: str, headers: dict[str, str]) -> bytes:
        if isinstance(answer, bytes):
            return answer
        if isinstance(answer, int) and not isinstance(answer, bool):
            status, answer = answer, ""
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        lines = [
            f"HTTP/1.1 {status} X",
            f"content-type: {content_type}",
            f"content-length: {len(body)}",
            "connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A scripted server on this machine."""
    script = Scripted()
    thread = threading.Thread(target=script.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield script
    script.server.shutdown()
    script.server.server_close()
    thread.join()
