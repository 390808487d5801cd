# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Immich server in a thread, for tests of whatever talks to one."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from aiohttp import web

from . import dialects, jobs
from .app import StandIn, create_app
from .faults import Faults
from .instance import Instance, Mount, NotReady
from .server import Server as Running

# requests that change nothing whatever their method says; a login leaves a session behind, and nothing that anybody would miss
READS = re.compile(r"/api/(auth/(login|logout|validateToken)|search/\w+|libraries/[^/]+/validate)")


class Request(NamedTuple):
    method: str
    path: str  # from /api on
    status: int  # 0: the connection was cut
    user_agent: str


def certificate(folder: Path, kind: str) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1, valid or expired; its CA is written to ca.pem."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    past = {"not_before": yesterday - datetime.timedelta(days=90), "not_after": yesterday} if kind == "expired" else {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", **past).configure_cert(context)
    return context


class Server:
    """
    `with Server("3.1.0", {"/mnt/photos": folder}, tmp_path) as immich: requests.get(immich.url + "/api/server/ping")`

    tls="valid" or tls="expired" serves https with a certificate for 127.0.0.1, signed by the CA in `.ca`.
    The database and the media location are below tmp: a second Server with the same tmp is the same installation, restarted.
    """

    def __init__(
        self,
        version: str = "3.3.5",
        mounts: Mapping[str, Path] | tuple[Mount, ...] = (),
        tmp: Path = Path(),
        env: Mapping[str, str] | None = None,
        database: str = "immich",
        job_seconds: float = 0.005,
        tls: str = "",
    ) -> None:
        if isinstance(mounts, Mapping):
            mounts = tuple(Mount(path, Path(folder)) for path, folder in mounts.items())
        media = "/data" if dialects.comes_with_data(version) else "/usr/src/app/upload"
        if not any(mount.path == media for mount in mounts):
            (tmp / "media").mkdir(parents=True, exist_ok=True)
            mounts = (*mounts, Mount(media, tmp / "media"))
        self.instance = Instance("test", version, dict(env or {}), tuple(mounts), database)
        self.requests: list[Request] = []
        self.connections: set[object] = set()  # kept alive here, so that no two are taken for one
        self.faults = Faults()
        self.ca: Path | None = None  # of a server with TLS
        self.tls = certificate(tmp, tls) if tls else None
        if self.tls:
            self.ca = tmp / "ca.pem"
        self.standin = StandIn(tmp / "databases", job_seconds, restart_seconds=0.05)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="immich", daemon=True)
        self.thread.start()
        self.runner: web.AppRunner = self.run(self.start())
        self.port = self.runner.addresses[0][1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    async def start(self) -> web.AppRunner:
        app = create_app(lambda namespace, service: self.instance, Path(), self.standin, root=True)
        app.middlewares.append(self.record)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await self.site(runner, 0).start()
        return runner

    def site(self, runner: web.AppRunner, port: int) -> web.TCPSite:
        return web.TCPSite(runner, "127.0.0.1", port, ssl_context=self.tls, reuse_address=True)

    @web.middleware
    async def record(self, request: web.Request, handler: Any) -> web.StreamResponse:
        path = request.path[request.path.find("/proxy/") + 6:] if "/proxy/" in request.path else request.path
        self.connections.add(request.protocol)
        fault = self.faults.take(request.method, path)
        response = await fault(request, handler) if fault else await handler(request)
        cut = request.transport is None or request.transport.is_closing()
        self.requests.append(Request(request.method, path, 0 if cut else response.status, request.headers.get("user-agent", "")))
        return response

    # -- what a test asks

    @property
    def mutations(self) -> list[Request]:
        """The requests that could have changed something."""
        return [request for request in self.requests if request.method not in ("GET", "HEAD", "OPTIONS") and not READS.fullmatch(request.path)]

    @property
    def running(self) -> Running:
        """The server itself, its database included: to look at, or to prepare what no API can."""
        return self.run(self.standin.server(self.instance))

    def why(self) -> str:
        """Why the server does not start; empty when it does."""
        try:
            self.running  # noqa: B018
        except NotReady as reason:
            return str(reason)
        return ""

    def wait(self, seconds: float = 10) -> None:
        """Until no job waits or runs."""
        deadline = time.monotonic() + seconds
        while not self.running.jobs.idle():
            if time.monotonic() > deadline:
                raise TimeoutError("the jobs of the Immich stand-in did not end")
            time.sleep(0.005)

    # -- what a test does to it

    def become(self, version: str) -> None:
        """The same installation with another image, as an upgrade leaves it; NotReady says why it does not start (a downgrade)."""
        self.instance = replace(self.instance, version=version)
        self.running  # noqa: B018

    def set_env(self, **env: str) -> None:
        self.instance = replace(self.instance, env={**self.instance.env, **env})

    def restart(self) -> None:
        self.run(self.standin.stop(self.instance.database))

    def ready(self) -> None:
        """Until the server listens again after a restart of its own (maintenance mode begins and ends with one)."""
        deadline = time.monotonic() + 10
        while self.why():
            if time.monotonic() > deadline:
                raise TimeoutError(self.why())
            time.sleep(0.005)

    @contextlib.contextmanager
    def refused(self) -> Iterator[None]:
        """Nobody listens meanwhile: connection refused."""
        [site] = self.runner.sites
        self.run(site.stop())
        try:
            yield
        finally:
            self.run(self.site(self.runner, self.port).start())

    def job_seconds(self, seconds: float) -> None:
        """How long a step of a job takes from now on."""
        self.standin.job_seconds = self.running.jobs.seconds = seconds

    def break_backups(self, how: str) -> None:
        """"fail": the job fails and leaves nothing; "truncate": it writes half a file; "": as it should be. A restart mends it."""
        self.running.backup_fault = how

    def nightly(self, days: float = 0) -> None:
        """The nightly tasks as they run that many days from now (the clock stays there)."""

        async def run() -> None:
            server = await self.standin.server(self.instance)
            server.age += datetime.timedelta(days=days)
            jobs.nightly(server)

        self.run(run())
        self.wait()

    def with_assets(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the table of assets between two requests, by id: what people do in the web page and no endpoint here does."""

        async def run() -> None:
            change((await self.standin.server(self.instance)).db["assets"])

        self.run(run())

    def close(self) -> None:
        self.run(self.runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=10)
        self.loop.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
