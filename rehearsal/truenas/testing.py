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
from ansible_collections.homelab.immich.plugins.module_utils.truenas.look import look
from ansible_collections.homelab.immich.plugins.module_utils.truenas.plan import plan
from ansible_collections.homelab.immich.plugins.module_utils.truenas.versions import dialect

from .app import RATE_LIMIT, create_app
from .methods import METHODS
from .state import VERSION, Host

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
    """A NAS named tank whose inventory has these exports: bare, or with everything made as declared. Use it in a `with` statement.

    `url` is its address, `ca_cert` the file to trust, `certificate` what it presents, for `names`, `calls` every method that was called, with its parameters.
    """

    def __init__(
        self,
        tmp: Path,
        exports: Sequence[dict[str, Any]] = (PHOTOS, IMMICH),
        host: str = "tank",
        *,
        version: str = VERSION,
        bare: bool = False,
        names: Sequence[str] = ("127.0.0.1", "localhost"),
    ):
        self._version, self._bare, self._names = version, bare, names
        self.spec: dict[str, Any] = {"nas": {host: {"provider": "truenas", "address": "192.0.2.10", "exports": list(exports)}}}
        self.host = Host(tmp / "nas", host)
        self.calls: list[tuple[str, list[Any]]] = []
        self.ca_cert, self.certificate = tmp / "ca.pem", tmp / "certificate.pem"
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
        self.drift(lambda state: state.update(version=self._version))
        if not self._bare:
            self.make()
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def client(self, **options: Any) -> TrueNAS:
        """A client that trusts the NAS, not logged in yet."""
        return TrueNAS(**{"url": self.url, "username": USER, "api_key": API_KEY, "ca_cert": str(self.ca_cert), "rehearsal": True} | options)

    def make(self, exports: Sequence[dict[str, Any]] | None = None) -> None:
        """Make exports as declared, as the modules do. It is not among the calls."""
        declared = list(exports if exports is not None else self.spec["nas"][self.host.name]["exports"])
        with self.client(read_only=False) as api:
            made = plan(declared, look(api, declared), dialect(self._version))
            assert not made.refusals, made.refusals
            for step in made.steps:
                api.job(step.method, *step.params) if step.job else api.call(step.method, *step.params)
        self.calls.clear()
        self.forgive()

    def forgive(self) -> None:
        """Forget all logins."""
        self._app[RATE_LIMIT].forget()

    @property
    def mutations(self) -> list[str]:
        """The methods that were called and that change something, in order."""
        return [method for method in self.methods if METHODS[method].changes]

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
        presented = self._authority.issue_cert(*self._names)
        presented.configure_cert(context)
        presented.cert_chain_pems[0].write_to_path(str(self.certificate))
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return self._runner.addresses[0][1]
