# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The websocket of the stand-in: JSON-RPC 2.0 as TrueNAS 25.04 to 26 speak it, with its logins, its ban and its errors."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import errno
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from .errors import CallRefused, Invalid
from .methods import METHODS, Session, roles_of, start_job
from .state import Host, seed

log = logging.getLogger("truenas")

_LOGINS, _WINDOW_S, _BAN_S = 20, 60, 600
_ERRNAMES = {201: "ENOMETHOD", 207: "ENOTAUTHENTICATED"}  # TrueNAS has some of its own
NOT_AUTHENTICATED = 207


class RateLimit:
    """More than 20 logins from one address within a minute, and it is out for ten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self._attempts: dict[str, list[float]] = {}
        self._banned: dict[str, float] = {}

    def forget(self) -> None:
        """Start anew."""
        self._attempts.clear()
        self._banned.clear()

    def refuses(self, address: str) -> bool:
        """Count one more attempt."""
        now = self.clock()
        if self._banned.get(address, 0) > now:
            return True
        recent = [when for when in self._attempts.get(address, []) if when > now - _WINDOW_S] + [now]
        self._attempts[address] = recent
        if len(recent) > _LOGINS:
            self._banned[address] = now + _BAN_S
            return True
        return False


RATE_LIMIT: web.AppKey[RateLimit] = web.AppKey("rate_limit", RateLimit)


def create_app(
    spec: Callable[[], dict[str, Any]], root: Path, credentials: Mapping[str, str], observe: Callable[[str, str, list[Any]], None] | None = None
) -> web.Application:
    """Every TrueNAS that the rehearsal's spec names, at `/<host>/api/current`.

    `root` holds one folder per host. `credentials` has one `username` and `api_key`. `observe` sees (host, method, params) of every call.
    """
    seeded = copy.deepcopy(spec())
    seed(seeded, root)
    limit = RateLimit()
    keys = {credentials["username"]: credentials["api_key"]}

    def follow() -> dict[str, Any]:
        """The spec as it is now, with what it newly declares set up."""
        nonlocal seeded
        if (now := spec()) != seeded:
            seed(now, root)
            seeded = copy.deepcopy(now)
        return now

    async def watch(_app: web.Application) -> AsyncIterator[None]:
        """Follow the spec, so that an export is there before somebody mounts it."""

        async def forever() -> None:
            while True:
                await asyncio.sleep(0.5)
                with contextlib.suppress(OSError, ValueError):  # being written, or being taken down
                    follow()

        task = asyncio.create_task(forever())
        yield
        task.cancel()

    async def websocket(request: web.Request) -> web.WebSocketResponse:
        name = request.match_info["host"]
        declared = (follow().get("nas") or {}).get(name) or {}
        if declared.get("provider") != "truenas":
            raise web.HTTPNotFound(text=f"The rehearsal has no TrueNAS named {name}.")
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        session = Session(Host(root, name), keys, request.secure)
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                await socket.close(code=1003, message=b"Invalid websocket message type")
                break
            await socket.send_json(_answer(session, message.data, request.remote or "", limit, observe))
        return socket

    app = web.Application()
    app[RATE_LIMIT] = limit
    app.cleanup_ctx.append(watch)
    app.router.add_get("/{host}/api/{version:current|v2[5-9][0-9.]*}", websocket)
    return app


def _answer(session: Session, text: str, address: str, limit: RateLimit, observe: Callable[[str, str, list[Any]], None] | None) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except ValueError as error:
        return _error(None, -32700, str(error))
    problem = _malformed(message)
    if problem:
        return _error(None, -32600, problem)
    name, params, call_id = message["method"], message.get("params", []), message.get("id")
    if observe:
        observe(session.host.name, name, params)
    method = METHODS.get(name)
    try:
        if method is None or not (method.public or method.known(session.host.read()["version"])):
            return _error(call_id, -32601, "Method does not exist")
        if method.public and limit.refuses(address):
            raise CallRefused(errno.EBUSY, "Rate Limit Exceeded")
        if not method.public and not session.user:
            raise CallRefused(NOT_AUTHENTICATED, "Not authenticated")
        if method.role and not roles_of(session.host.read()) & {"FULL_ADMIN", *method.role.split()}:
            raise CallRefused(errno.EACCES, "Not authorized")
        if len(params) > method.most or len(params) < method.least:
            raise Invalid([("params", f"{name} takes {method.least} to {method.most} arguments")])
        return {"jsonrpc": "2.0", "result": start_job(session, name, params) if method.job else method.run(session, *params), "id": call_id}
    except Invalid as error:
        extra = [[field, said, errno.EINVAL] for field, said in error.fields]
        reason = "\n".join(f"[EINVAL] {field}: {said}" for field, said in error.fields)
        return _error(call_id, -32602, "Invalid params", _data(errno.EINVAL, reason, "ValidationErrors", extra))
    except CallRefused as error:
        return _error(call_id, -32001, "Method call error", _data(error.code, f"[{_errname(error.code)}] {error.said}", "CallError", None))
    except Exception as error:
        log.exception("%s on %s", name, session.host.name)
        return _error(call_id, -32001, "Method call error", _data(errno.EINVAL, str(error) or repr(error), type(error).__name__, None))


def _malformed(message: Any) -> str | None:
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        return "'jsonrpc' and 'method' are required properties"
    if not isinstance(message.get("params", []), list):
        return f"{message['params']!r} is not of type 'array'"
    unknown = set(message) - {"jsonrpc", "method", "params", "id"}
    return f"Additional properties are not allowed ({', '.join(sorted(unknown))})" if unknown else None


def _error(call_id: Any, code: int, message: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message} | ({"data": data} if data else {}), "id": call_id}


def _data(code: int, reason: str, kind: str, extra: Any) -> dict[str, Any]:
    trace = {"class": kind, "frames": [], "formatted": f"{kind}: {reason}\n", "repr": f"{kind}({reason!r})"}
    return {"error": code, "errname": _errname(code), "reason": reason, "trace": trace, "extra": extra}


def _errname(code: int) -> str:
    return _ERRNAMES.get(code) or errno.errorcode.get(code, str(code))
