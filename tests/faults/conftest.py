# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A home with photos on a NAS, a server that shows them, and a guard: what the faults happen to."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard import run as guard_run
from ansible_collections.homelab.immich.plugins.module_utils.guard.brake import nested
from ansible_collections.homelab.immich.plugins.module_utils.guard.config import Config, Limits
from ansible_collections.homelab.immich.plugins.module_utils.guard.report import Report
from ansible_collections.homelab.immich.plugins.module_utils.guard.run import Guard
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import Busy
from ansible_collections.homelab.immich.plugins.module_utils.guard.views import view_of
from ansible_collections.homelab.immich.plugins.module_utils.immich import client as immich_client
from ansible_collections.homelab.immich.plugins.module_utils.immich import settings
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

EMAIL, PASSWORD = "admin@example.net", "correct-horse-1"
PHOTOS = 40
FOLDERS = ("2022", "2023/summer", "2023/winter", "2024")
CHILD = "2024"  # a dataset of its own below the export
MOUNTS = ("/mnt/photos", "/mnt/pictures")  # the server has the same photos in two places; the library means the first
LIMIT = 1  # 1% of 40, and a part of a photo counts as one


class Disk:
    """
    Makes files of this machine fail, for the server, for the guard (which runs in the main thread), or for both.

    Permissions would not do: tests may run as root, to whom nothing is forbidden.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._broken: dict[str, tuple[int, bool, bool]] = {}
        for name in ("stat", "scandir", "listdir"):
            patch.setattr(os, name, self._checked(getattr(os, name)))

    def breaks(self, path: Path, error: int, *, server: bool = True, guard: bool = True) -> None:
        """From now on, this file, or all in this folder, cannot be looked at."""
        self._broken[str(path)] = (error, server, guard)

    def clear(self) -> None:
        self._broken.clear()

    def _checked(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
            if self._broken and isinstance(path, str | os.PathLike):
                us = threading.current_thread() is threading.main_thread()
                for place, (error, server, guard) in self._broken.items():
                    if (guard if us else server) and f"{os.fspath(path)}/".startswith(f"{place}/"):
                        raise OSError(error, os.strerror(error), os.fspath(path))
            return real(path, *args, **kwargs)

        return call


class Home:
    """All of it. Every fault is a method, so that the table reads like what happens."""

    def __init__(self, server: Server, photos: Path, disk: Disk, memory: Path, view: str, *, file: bool = False) -> None:
        self.server, self.photos, self.disk, self.memory, self.view = server, photos, disk, memory, view
        self.away = photos.with_name("away")
        self.admin = Client(HttpTransport(server.url), timeout=5)
        user = self.admin.post("/auth/admin-sign-up", {"email": EMAIL, "name": "Admin", "password": PASSWORD}, doing="sign up")
        self.owner = user["id"]
        self.admin.login(EMAIL, PASSWORD)
        made = self.admin.post("/api-keys", {"name": "guard", "permissions": ["all"]}, doing="make a key")
        self.key_id, self.key = made["apiKey"]["id"], made["secret"]
        self.library = self.admin.post(
            "/libraries", {"ownerId": self.owner, "name": "NAS photos", "importPaths": ["/mnt/photos"], "exclusionPatterns": ["**/@eaDir/**"]}, doing="make it"
        )["id"]
        if file:
            server.set_env(IMMICH_CONFIG_FILE=f"{server.running.media_location}/immich.json")
            self.set_in_file(**{"library.scan.enabled": False, "library.watch.enabled": False})
        else:
            self.set(**{"library.scan.enabled": False})
        self.limits: dict[str, Any] = {}
        self.accept: dict[str, int] = {}
        self.clock = datetime.timedelta()
        self.others = ExitStack()

    # -- the guard

    def guard(self, during: Callable[[Home], object] | None = None, *, check_mode: bool = False, gives_up: bool = False) -> Report:
        """Run the guard; `during` happens right after it started the scan. One that gives up waits for nothing."""
        guard, limits = self._guard(check_mode)
        with ExitStack() as stack:
            try:
                stack.enter_context(guard.state.alone())
            except Busy as reason:
                return Report("NAS photos", EMAIL, "later", str(reason))
            try:
                guard.learn()
            except ImmichError as error:
                return Report(limits.name, limits.owner, "failed", str(error))
            begun = guard.begin(limits)
            if isinstance(begun, Report):
                return begun
            if during:
                during(self)
            if gives_up:
                return guard.finish(begun, "After 1 s it still waits for queue library.")
            ends = time.monotonic() + 10
            while guard.pending(begun):
                assert time.monotonic() < ends, "the scan does not end"
                time.sleep(0.002)
            return guard.finish(begun)

    def watch(self) -> Report:
        """The look of every hour."""
        guard, limits = self._guard(False)
        guard.learn()
        return guard.watch(limits)

    def _guard(self, check_mode: bool) -> tuple[Guard, Limits]:
        api = Client(HttpTransport(self.server.url), api_key=self.key, timeout=0.5, read_only=check_mode)
        config = Config(
            memory=str(self.memory),
            view=self.view,
            folders={path: str(self.photos) for path in MOUNTS} | {"/data": str(self.photos.with_name("media"))},
            sentinels=("/mnt/photos/.immich-guard/photos",),
            media="/data",
            accept=self.accept,
        )
        limits = Limits.read({"name": "NAS photos", "owner": EMAIL, "scan": self.limits})
        now = datetime.datetime.now(datetime.UTC) + self.clock
        guard = Guard(api, view_of(config, api), config, [limits], check_mode=check_mode, sleep=lambda seconds: time.sleep(0.001), now=lambda: now)
        return guard, limits

    def hours_later(self) -> None:
        """A proxy works again, and the server has done what it had to do."""
        self.server.faults.clear()
        self.server.job_seconds(0.002)
        self.server.wait()

    # -- what a person sees

    def count(self, *, trashed: bool) -> int:
        query = {"isTrashed": str(trashed).lower()}
        return self.admin.get(f"/admin/users/{self.owner}/statistics", doing="count", query=query)["total"]

    def assets(self, *, visible: bool = False) -> set[str]:
        """The identities of all assets, trashed ones too, unless visible: what albums, faces and edits hang on."""
        return {name for name, asset in self.server.running.db["assets"].items() if not (visible and asset["deletedAt"])}

    def settings(self) -> dict[str, Any]:
        return dict(settings.flat(settings.read(self.admin)[1]))

    def set(self, **values: Any) -> None:
        path, current = settings.read(self.admin)
        for name, value in values.items():
            group = current
            *groups, last = name.split(".")
            for part in groups:
                group = group[part]
            group[last] = value
        self.admin.put(path, current, doing="change settings")

    def set_in_file(self, **values: Any) -> None:
        """Write the file of IMMICH_CONFIG_FILE, and restart the server."""
        self.photos.with_name("media").joinpath("immich.json").write_text(json.dumps(nested(values)))
        self.server.restart()

    @property
    def braked(self) -> bool:
        """Whether the nightly purge is put off, and the server scans nothing by itself."""
        now = self.settings()
        purges = now.get("nightlyTasks.databaseCleanup", True) and now["trash.days"] < 3650
        return not purges and not now["library.scan.enabled"] and not now["library.watch.enabled"]

    def scan_by_hand(self) -> None:
        self.admin.post(f"/libraries/{self.library}/scan", doing="scan")
        self.server.wait()

    def throw_away(self, number: int) -> None:
        """Uploads that somebody put into the trash: no library has them."""

        def put(assets: dict[str, Any]) -> None:
            for _number in range(number):
                name, now = str(uuid.uuid4()), datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
                assets[name] = {"id": name, "libraryId": None, "ownerId": self.owner, "path": f"/data/upload/{name}.jpg", "type": "IMAGE", "size": 7,
                                "modified": now, "createdAt": now, "status": "trashed", "isExternal": False, "isOffline": False, "deletedAt": now}

        self.server.with_assets(put)

    def throw_photo_away(self, name: str) -> None:
        """What somebody puts into the trash of the library in the web page; no scan takes it out."""

        def put(assets: dict[str, Any]) -> None:
            [asset] = [asset for asset in assets.values() if asset["path"] == name]
            asset |= {"status": "trashed", "deletedAt": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")}

        self.server.with_assets(put)

    def add_film(self, name: str) -> None:
        """The film of a motion photo, which Immich keeps in its own folder."""
        (self.photos.with_name("media") / "encoded-video" / name).write_bytes(b"a film")
        now, place = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"), self.server.running.media_location
        film = {"id": str(uuid.uuid4()), "libraryId": self.library, "ownerId": self.owner, "path": f"{place}/encoded-video/{name}", "type": "VIDEO",
                "size": 6, "modified": now, "createdAt": now, "status": "active", "isExternal": False, "isOffline": False, "deletedAt": None}
        self.server.with_assets(lambda assets: assets.update({film["id"]: film}))

    def empty_trash(self) -> None:
        """What a person does in the web page."""

        def empty(assets: dict[str, Any]) -> None:
            for name in [name for name, asset in assets.items() if asset["status"] == "trashed"]:
                del assets[name]

        self.server.with_assets(empty)

    # -- what happens to the photos

    def unmount(self) -> None:
        """The mount point is there, and empty."""
        self.photos.rename(self.away)
        self.photos.mkdir()

    def mount_again(self) -> None:
        shutil.rmtree(self.photos)
        self.away.rename(self.photos)

    def hide(self, *names: str) -> None:
        """Take folders or files away."""
        for name in names:
            (self.away / name).parent.mkdir(parents=True, exist_ok=True)
            (self.photos / name).rename(self.away / name)

    def bring_back(self) -> None:
        for root, _folders, files in os.walk(self.away):
            place = self.photos / Path(root).relative_to(self.away)
            place.mkdir(exist_ok=True)
            for file in files:
                (Path(root) / file).rename(place / file)
        shutil.rmtree(self.away)


def make_photos(folder: Path) -> None:
    for number in range(PHOTOS):
        file = folder / FOLDERS[number % len(FOLDERS)] / f"IMG_{number:04}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"a photo")
    (folder.with_name("media") / "encoded-video").mkdir(parents=True)
    for place in (folder, folder / CHILD):
        (place / ".immich-guard" / "photos").mkdir(parents=True)


@pytest.fixture
def make_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Home]]:
    """Make a home with a version of Immich and a view of the guard."""
    monkeypatch.setattr(immich_client, "_FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(guard_run, "PATIENCE_S", 100)
    servers: list[Server] = []

    def make(version: str, view: str, *, file: bool = False) -> Home:
        photos = tmp_path / "photos"
        make_photos(photos)
        server = Server(version, dict.fromkeys(MOUNTS, photos), tmp_path, job_seconds=0.002)
        servers.append(server)
        return Home(server, photos, Disk(monkeypatch), tmp_path / "memory", view, file=file)

    yield make
    for server in servers:
        server.close()
