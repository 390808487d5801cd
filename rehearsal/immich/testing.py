# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Immich server in a thread, for tests of whatever talks to one."""

from __future__ import annotations

import asyncio
import datetime
import re
import threading
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from . import jobs
from .app import StandIn, create_app
from .instance import Instance, Mount, NotReady
from .server import Server as Running

# requests that change nothing whatever their method says; a login leaves a session behind, and nothing that anybody would miss
READS = re.compile(r"/api/(auth/(login|logout|validateToken)|search/\w+|libraries/[^/]+/validate)")


class Request(NamedTuple):
    method: str
    path: str  # from /api on
    status: int
    user_agent: str


class Server:
    """
    `with Server("3.1.0", {"/mnt/photos": folder}, tmp_path) as immich: requests.get(immich.url + "/api/server/ping")`

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
    ) -> None:
        if isinstance(mounts, Mapping):
            mounts = tuple(Mount(path, Path(folder)) for path, folder in mounts.items())
        if not any(mount.path == "/data" for mount in mounts):
            (tmp / "media").mkdir(parents=True, exist_ok=True)
            mounts = (*mounts, Mount("/data", tmp / "media"))
        self.instance = Instance("test", version, dict(env or {}), tuple(mounts), database)
        self.requests: list[Request] = []
        self.failures: list[int | str] = []
        self.standin = StandIn(tmp / "databases", job_seconds)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="immich", daemon=True)
        self.thread.start()
        self.runner: web.AppRunner = self.run(self.start())
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    async def start(self) -> web.AppRunner:
        app = create_app(lambda namespace, service: self.instance, Path(), self.standin, root=True)
        app.middlewares.append(self.record)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    @web.middleware
    async def record(self, request: web.Request, handler: Any) -> web.StreamResponse:
        failure = self.failures.pop(0) if self.failures else 0
        path = request.path[request.path.find("/proxy/") + 6:] if "/proxy/" in request.path else request.path
        if failure == "reset":
            self.requests.append(Request(request.method, path, 0, request.headers.get("user-agent", "")))
            assert request.transport
            request.transport.abort()
            return web.Response()
        response = web.json_response({"message": "failed on purpose"}, status=int(failure)) if failure else await handler(request)
        self.requests.append(Request(request.method, path, response.status, request.headers.get("user-agent", "")))
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

    def set_version(self, version: str) -> None:
        """The same installation with another image, from the next request on."""
        self.instance = replace(self.instance, version=version)

    def set_env(self, **env: str) -> None:
        self.instance = replace(self.instance, env={**self.instance.env, **env})

    def restart(self) -> None:
        self.run(self.standin.stop(self.instance.database))

    def fail_next(self, count: int = 1, how: int | str = 503) -> None:
        """The next requests get this status, or have their connection reset ("reset")."""
        self.failures += [how] * count

    def nightly(self, days: float = 0) -> None:
        """The nightly tasks as they run that many days from now (the clock stays there)."""

        async def run() -> None:
            server = await self.standin.server(self.instance)
            server.age += datetime.timedelta(days=days)
            jobs.nightly(server)

        self.run(run())
        self.wait()

    def close(self) -> None:
        self.run(self.runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=10)
        self.loop.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
