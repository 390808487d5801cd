# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in as an HTTP application: which server a request is for, who asks, what is answered."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

# importing these registers their routes
from . import accounts, backups, config, info, integrity, jobs, libraries, maintenance, search, users  # noqa: F401  # pylint: disable=unused-import
from .dialects import data
from .errors import Refused, bad_request, not_a_uuid
from .instance import Instance, NotReady
from .routes import Call, Route, find
from .server import Server
from .validate import MISSING, Validator, is_uuid

log = logging.getLogger(__name__)

# /api/v1/namespaces/immich/services/immich-server:2283/proxy/api/server/ping; the service may be named with its scheme
PROXY = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/services/(?:http:)?(?P<service>[^/:]+)(?::[^/:]+)?/proxy(?P<path>/.*)?")


Instances = Callable[[str, str], Instance]  # (namespace, service) -> Instance; LookupError or NotReady when there is none


class Restarting(NotReady):
    """The process is gone for a moment, its pod is not: the proxy finds the address, and nobody listens there."""


class StandIn:
    """Every Immich server of a rehearsal: started when first asked for, restarted when told something else about it."""

    def __init__(self, state_dir: Path, job_seconds: float = 0.02, restart_seconds: float = 0.3) -> None:
        self.state_dir, self.job_seconds, self.restart_seconds = state_dir, job_seconds, restart_seconds
        self.restarting: dict[str, float] = {}  # database -> when its server listens again
        self.servers: dict[str, Server] = {}  # by database: two Services may lead to one server
        self.failures: dict[str, str] = {}

    async def server(self, instance: Instance) -> Server:
        """The running server of an instance; raises NotReady with the reason when it does not start."""
        if time.monotonic() < self.restarting.get(instance.database, 0):
            raise Restarting(f"Immich {instance.key} restarts itself")
        running = self.servers.get(instance.database)
        if running and replace(running.instance, key=instance.key) == instance:
            return running
        await self.stop(instance.database)
        try:
            server = Server(instance, self.state_dir, self.job_seconds)
        except NotReady as reason:
            if self.failures.get(instance.database) != str(reason):  # once, not for every request that waits for it
                log.warning("Immich %s v%s does not start: %s", instance.key, instance.version, reason)
            self.failures[instance.database] = str(reason)
            raise
        self.failures.pop(instance.database, None)
        self.servers[instance.database] = server
        return server

    async def stop(self, database: str) -> None:
        """End a server, as a deleted pod does; its database stays."""
        server = self.servers.pop(database, None)
        if server:
            await server.jobs.stop()

    async def close(self) -> None:
        for database in list(self.servers):
            await self.stop(database)

    async def dispatch(self, request: web.Request, instance: Instance, subpath: str) -> web.Response:
        """Answer a request for an instance; subpath is what follows its address, `/api/server/ping` for one."""
        server = await self.server(instance)
        correlation_id = secrets.token_hex(4)
        try:
            response = await answer(server, request, subpath)
            if server.restart_wanted:
                self.restarting[instance.database] = time.monotonic() + self.restart_seconds
                await self.stop(instance.database)
            return response
        except Refused as refused:
            headers = {"X-Correlation-ID": correlation_id} if server.version >= (3, 0, 0) else {}
            return web.json_response(refused.body(server.version, correlation_id), status=refused.status, headers=headers)


async def answer(server: Server, request: web.Request, subpath: str) -> web.Response:
    if not subpath.startswith("/api/"):
        # the web app answers every other path
        return web.Response(text="<!DOCTYPE html><title>Immich (rehearsal)</title>", content_type="text/html")
    found = find(request.method, subpath.removeprefix("/api").rstrip("/"), server.version)
    if not found:
        raise Refused(404, f"Cannot {request.method} {subpath}")
    route, params = found
    call = Call(params, dict(request.query), {}, cookies=dict(request.cookies))
    if server.db["maintenance"]:
        maintenance.admit(server, route, call, subpath)
    elif not route.public:
        accounts.authenticate(server, request.headers, request.query, request.cookies, call)
        authorize(server, route, call)
    if "id" in params and not is_uuid(params["id"]):
        raise not_a_uuid("id")
    if route.upload:
        call.body = await read_upload(request)
    elif route.body:
        call.body = Validator(server.version).body(schema(route.body, server), await read_json(request))
    result = route.handler(server, call)
    if request.method != "GET":
        server.db.save()
    if isinstance(result, bytes):
        response = web.Response(body=result, status=route.status)
    else:
        response = web.Response(status=route.status) if result is None else web.json_response(result, status=route.status)
    for name, value in call.set_cookies.items():
        response.set_cookie(name, value, httponly=name != "immich_is_authenticated", samesite="Lax")
    return response


def authorize(server: Server, route: Route, call: Call) -> None:
    if route.admin and not call.user["isAdmin"]:
        raise Refused(403, "Forbidden")
    needed = route.held(server.version)
    if call.key and needed and not accounts.granted([needed], call.key["permissions"]):
        raise Refused(403, f"Missing required permission: {needed}")


def schema(name: str, server: Server) -> dict[str, Any]:
    return data("system_config", server.version) if name == "SystemConfigDto" else data("requests", server.version)[name]


async def read_json(request: web.Request) -> Any:
    text = await request.text()
    try:
        return json.loads(text) if text.strip() else MISSING
    except ValueError as error:
        raise Refused(400, f"Unexpected token in JSON: {error}") from None


async def read_upload(request: web.Request) -> dict[str, Any]:
    form = await request.post() if request.content_type == "multipart/form-data" else {}
    file = form.get("file")
    if not isinstance(file, web.FileField):
        raise bad_request("File is required")
    return {"name": file.filename, "content": file.file.read()}


def kubernetes_status(code: int, reason: str, message: str) -> web.Response:
    """What the API server's service proxy says in the place of a service."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}
    return web.json_response(body, status=code)


async def respond(standin: StandIn, request: web.Request, namespace: str, service: str, instances: Instances, subpath: str) -> web.Response:
    """Answer for a service, or say in the API server's words why nothing does."""
    try:
        return await standin.dispatch(request, instances(namespace, service), subpath)
    except LookupError:
        return kubernetes_status(404, "NotFound", f'services "{service}" not found')
    except Restarting:
        if namespace:
            return kubernetes_status(503, "ServiceUnavailable", "error trying to reach service: dial tcp 10.42.0.7:2283: connect: connection refused")
        if request.transport:
            request.transport.abort()
        return web.Response()
    except NotReady:
        return kubernetes_status(503, "ServiceUnavailable", f'no endpoints available for service "{service}"')


def create_app(instances: Instances, state_dir: Path, standin: StandIn | None = None, root: bool = False) -> web.Application:
    """Serve instances behind the addresses of the API server's service proxy; with root, `/` is instances("", "") too."""
    standin = standin or StandIn(state_dir)
    app = web.Application(client_max_size=64 * 2**20)

    async def proxied(request: web.Request) -> web.Response:
        match = PROXY.fullmatch(request.path)
        if match:
            return await respond(standin, request, match["namespace"], match["service"], instances, match["path"] or "/")
        return kubernetes_status(404, "NotFound", "the server could not find the requested resource")

    async def direct(request: web.Request) -> web.Response:
        return await respond(standin, request, "", "", instances, request.path)

    async def close(_app: web.Application) -> None:
        await standin.close()

    app.router.add_route("*", "/api/v1/namespaces/{path:.*}", proxied)
    if root:
        app.router.add_route("*", "/{path:.*}", direct)
    app.on_cleanup.append(close)
    return app
