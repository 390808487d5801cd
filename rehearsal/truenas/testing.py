# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in in a thread, over TLS, for tests."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web
from ansible_collections.homelab.immich.plugins.module_utils.truenas.client import TrueNAS

from .app import RATE_LIMIT, create_app
from .state import Host

# What the default inventory declares.
PHOTOS = {"name": "photos", "dataset": "tank/photos", "access": "ro", "squash": "root", "clients": ["192.0.2.0/24"]}
IMMICH = {
    "name": "immich",
    "dataset": "tank/immich",
    "access": "rw",
    "squash": "none",
    "clients": ["192.0.2.0/24"],
    "owner": {"user": 1000, "group": 1000, "mode": "0750"},
    "snapshots": {"schedule": "0 4 * * *", "keep": "30d"},
}
USER, API_KEY = "rehearsal", "1-rehearsal-key-that-opens-nothing-else"


class Server:
    """A NAS named tank with these exports. Use it in a `with` statement.

    `url` is its address, `ca_cert` the file to trust, `calls` every method that was called, with its parameters.
    """

    def __init__(self, tmp: Path, exports: Sequence[dict[str, Any]] = (PHOTOS, IMMICH), host: str = "tank"):
        self.spec: dict[str, Any] = {"nas": {host: {"provider": "truenas", "address": "192.0.2.10", "exports": list(exports)}}}
        self.host = Host(tmp / "nas", host)
        self.calls: list[tuple[str, list[Any]]] = []
        self.ca_cert = tmp / "ca.pem"
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(self.ca_cert))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._app = create_app(
            lambda: self.spec, tmp / "nas", {"username": USER, "api_key": API_KEY}, lambda _host, method, params: self.calls.append((method, params))
        )

    def __enter__(self) -> Server:
        self._thread.start()
        self.url = f"wss://127.0.0.1:{asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)}/{self.host.name}"
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def client(self, **options: Any) -> TrueNAS:
        """A client that trusts the NAS, not logged in yet."""
        return TrueNAS(**{"url": self.url, "username": USER, "api_key": API_KEY, "ca_cert": str(self.ca_cert), "rehearsal": True} | options)

    @property
    def methods(self) -> list[str]:
        """The methods that were called, in order."""
        return [method for method, _params in self.calls]

    @property
    def clock(self) -> Callable[[], float]:
        """The clock by which logins are counted; replace it to let time pass."""
        return self._app[RATE_LIMIT].clock

    @clock.setter
    def clock(self, clock: Callable[[], float]) -> None:
        self._app[RATE_LIMIT].clock = clock

    def drift(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the NAS behind everybody's back, as somebody with a browser would."""
        state = self.host.read()
        change(state)
        self.host.write(state)

    def folder(self, path: str) -> Path:
        """A path of the NAS on this machine."""
        return self.host.on_disk(path)

    async def _start(self) -> int:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return self._runner.addresses[0][1]
