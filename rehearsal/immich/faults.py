# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong between a client and a server: switched on by a test, request by request."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Apply = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]

LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in to continue</form></body></html>"
BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"


@dataclass
class Fault:
    apply: Apply
    on: re.Pattern[str]  # searched in "PUT /api/libraries/…"
    times: int


@dataclass
class Faults:
    """
    Each method spoils the next `times` requests whose "METHOD /api/path" holds the pattern `on`; faults wait for their turn in the order of the calls.
    Unless a method says otherwise, the server does not get to see a spoilt request.
    """

    waiting: list[Fault] = field(default_factory=list)

    def add(self, apply: Apply, times: int, on: str) -> None:
        self.waiting.append(Fault(apply, re.compile(on), times))

    def clear(self) -> None:
        self.waiting.clear()

    def take(self, method: str, path: str) -> Apply | None:
        """The fault of this request, if it has one."""
        for fault in self.waiting:
            if fault.on.search(f"{method} {path}"):
                fault.times -= 1
                if not fault.times:
                    self.waiting.remove(fault)
                return fault.apply
        return None

    def answer(
        self, status: int, text: str, content_type: str = "application/json", headers: dict[str, str] | None = None, times: int = 1, on: str = ""
    ) -> None:
        """Any answer at all; the text is sent as it is."""

        async def apply(request: web.Request, handler: Handler) -> web.Response:
            return web.Response(status=status, text=text, content_type=content_type, headers=headers)

        self.add(apply, times, on)

    def status(self, status: int, times: int = 1, on: str = "") -> None:
        self.answer(status, '{"message": "failed on purpose"}', times=times, on=on)

    def too_many_requests(self, retry_after: int = 1, times: int = 1, on: str = "") -> None:
        self.answer(429, "Too Many Requests", "text/plain", {"Retry-After": str(retry_after)}, times, on)

    def bad_gateway(self, times: int = 1, on: str = "") -> None:
        """What a proxy says while the server behind it restarts."""
        self.answer(502, BAD_GATEWAY, "text/html", times=times, on=on)

    def html(self, times: int = 1, on: str = "") -> None:
        """A page, with status 200: a proxy's login, or the web app of something else."""
        self.answer(200, LOGIN_PAGE, "text/html", times=times, on=on)

    def redirect(self, to: str = "", times: int = 1, on: str = "") -> None:
        """To a login page, of this server unless told otherwise."""

        async def apply(request: web.Request, handler: Handler) -> web.Response:
            return web.Response(status=302, headers={"Location": to or f"{request.url.origin()}/login?next=%2F"})

        self.add(apply, times, on)

    def reset(self, times: int = 1, on: str = "") -> None:
        """The connection ends before the server has seen the request."""

        async def apply(request: web.Request, handler: Handler) -> web.Response:
            return cut(request)

        self.add(apply, times, on)

    def reset_in_body(self, times: int = 1, on: str = "") -> None:
        """The server did what it was asked to; the connection ends in the middle of its answer."""

        async def apply(request: web.Request, handler: Handler) -> web.StreamResponse:
            whole = await body_of(request, handler)
            response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole) + 1)})
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
            return cut(request)

        self.add(apply, times, on)

    def truncated(self, times: int = 1, on: str = "") -> None:
        """Status 200 and half of the JSON, as a proxy that gave up may send it; the server did what it was asked to."""

        async def apply(request: web.Request, handler: Handler) -> web.Response:
            whole = await body_of(request, handler)
            return web.Response(body=whole[: len(whole) // 2], content_type="application/json")

        self.add(apply, times, on)

    def slow_headers(self, seconds: float, times: int = 1, on: str = "") -> None:
        """The answer comes that much later, and is right."""

        async def apply(request: web.Request, handler: Handler) -> web.StreamResponse:
            await asyncio.sleep(seconds)
            return await handler(request)

        self.add(apply, times, on)

    def restart(self, bad_gateways: int = 2, lost: bool = False, on: str = "") -> None:
        """A restart in the middle of a request: the connection ends (lost: after the server did the work), a proxy says 502, then all is well."""
        (self.reset_in_body if lost else self.reset)(on=on)
        self.bad_gateway(bad_gateways)


def cut(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()  # nobody gets it


async def body_of(request: web.Request, handler: Handler) -> bytes:
    response: Any = await handler(request)
    return response.body or b'{"message":"nothing"}'
