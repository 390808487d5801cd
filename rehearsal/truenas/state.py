# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the NAS of a rehearsal has: folders on this machine, and a state file beside them that people and tests may edit.

A TrueNAS starts with its pools and the accounts that the inventory names, and nothing else: `site.yml` makes the rest, as on a real one. The state file is
what counts, so a dataset that is unmounted there, a share that is flipped or a sentinel that is removed stays so until somebody changes it.
"""

from __future__ import annotations

import base64
import copy
import datetime
import json
import os
import time
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils import nas

from ..state import write_json

VERSION = "TrueNAS-25.10.1"
SAMPLE_PHOTOS = 40
_STATE = "state.json"
_UNMOUNTED = "unmounted"  # what an unmounted dataset holds waits here, out of everybody's sight

# A grey picture of 8 by 8 pixels. The comment that each sample gets makes it a different file.
_JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/"
    "wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)


def folder(root: Path, host: str, provider: str, export: dict[str, Any]) -> Path:
    """Where on this machine an export of a NAS of the rehearsal is."""
    path = f"/{export['share']}" if export.get("protocol") == "smb" and not export.get("dataset") else nas.nfs_path(export, provider)
    return root / host / path.lstrip("/")


def seed(spec: dict[str, Any], root: Path) -> None:
    """What is there before anybody does anything: pools and accounts of a TrueNAS, and the folders of any other NAS, which nobody plays."""
    for host, declared in (spec.get("nas") or {}).items():
        provider = declared.get("provider") or "none"
        exports = [export for export in declared.get("exports") or [] if not nas.problems(export, provider)]
        if provider == "truenas":
            truenas = Host(root, host)
            for export in exports:
                truenas.found(export)
        else:
            for place, export in ((folder(root, host, provider, export), export) for export in exports):
                if not place.exists():  # there is no state here that would say what somebody removed
                    _furnish(place, export)


class Host:
    """One TrueNAS: its state file and its folders."""

    def __init__(self, root: Path, name: str):
        self.root = root / name
        self.name = name

    @property
    def exists(self) -> bool:
        """Whether it was ever set up."""
        return (self.root / _STATE).exists()

    def read(self) -> dict[str, Any]:
        """The state as it is now, with the folders following what it says about mounts."""
        state = json.loads((self.root / _STATE).read_text()) if self.exists else _new_state(self.name)
        for dataset in sorted(state["datasets"]):
            if all(state["datasets"][str(parent)]["mounted"] for parent in PurePosixPath(dataset).parents[:-1]):
                self._mount(dataset, state["datasets"][dataset]["mounted"])
        return state

    def write(self, state: dict[str, Any]) -> None:
        """Replace the state."""
        self.root.mkdir(parents=True, exist_ok=True)
        write_json(self.root / _STATE, state)
        self.read()

    def on_disk(self, path: str) -> Path:
        """A path of the NAS on this machine. Links and dots lead nowhere else."""
        real = (self.root / path.lstrip("/")).resolve()
        mnt = (self.root / "mnt").resolve()
        if real != mnt and mnt not in real.parents:
            raise PermissionError(path)
        return real

    def found(self, export: dict[str, Any]) -> None:
        """The pool of an export, and the users and groups that it names: they are the NAS's own."""
        before, wanted = self.read(), nas.normalise(export)
        state = copy.deepcopy(before)
        state["datasets"].setdefault(wanted["dataset"].split("/")[0], {"mounted": True, "locked": False, "readonly": False})
        for kind, key, number in (("users", "username", "uid"), ("groups", "group", "gid")):
            for name in (wanted[f"map_{kind[:-1]}"], wanted["owner"][kind[:-1]]):
                if name is not None:
                    _account(state[kind], key, number, name)
        if state != before or not self.exists:
            self.write(state)

    def _mount(self, dataset: str, mounted: bool) -> None:
        """Unmounted, a dataset leaves an empty folder; what it holds comes back when it is mounted again."""
        visible, hidden = self.root / "mnt" / dataset, self.root / _UNMOUNTED / dataset.replace("/", "@")
        if mounted and hidden.exists():
            if visible.exists():  # what was written there meanwhile ends up beneath the mount, where nobody sees it
                visible.rename(hidden.with_name(f"{hidden.name}@beneath-{time.time_ns()}"))
            hidden.rename(visible)
        elif not mounted and not hidden.exists() and visible.exists():
            hidden.parent.mkdir(parents=True, exist_ok=True)
            visible.rename(hidden)
        visible.mkdir(parents=True, exist_ok=True)


def _new_state(host: str) -> dict[str, Any]:
    return {
        "hostname": host,
        "version": VERSION,
        "login": "SUCCESS",  # or another answer of auth.login_ex, to see what happens then
        "datasets": {},
        "owners": {},
        "nfs_shares": [],
        "smb_shares": [],
        "nfs": {"protocols": ["NFSV3", "NFSV4"], "allow_nonroot": False, "bindip": [], "userd_manage_gids": False},
        "services": [
            {"id": number, "service": name, "enable": False, "state": "STOPPED", "pids": []} for number, name in ((4, "cifs"), (9, "nfs"), (11, "ssh"))
        ],
        "users": [{"uid": 0, "username": "root"}, {"uid": 568, "username": "apps"}, {"uid": nas.NOBODY, "username": "nobody"}],
        "groups": [{"gid": 0, "group": "root"}, {"gid": 568, "group": "apps"}, {"gid": nas.NOBODY, "group": "nogroup"}],
        "snapshot_tasks": [],
        "roles": ["FULL_ADMIN"],  # of the user of the API key
        "full": False,  # whether the pools have no space left
        "failing": None,  # a method that fails: filesystem.setperm, filesystem.chown, filesystem.listdir or service.start
        "mounting": [],  # NFSv4 clients: {address}
        "mounting_nfs3": [],  # {address, path}
    }


def _account(accounts: list[dict[str, Any]], name_key: str, id_key: str, wanted: int | str) -> int:
    """The number of a user or group, which is made when it is not there."""
    for account in accounts:
        if wanted in (account[id_key], account[name_key]):
            return account[id_key]
    number = wanted if isinstance(wanted, int) else max([3000, *(account[id_key] + 1 for account in accounts if 3000 <= account[id_key] < 60000)])
    accounts.append({id_key: number, name_key: wanted if isinstance(wanted, str) else f"id{wanted}"})
    return number


def _furnish(place: Path, export: dict[str, Any]) -> None:
    """The folder of an export of a NAS that nobody plays: its subpaths, the sentinels, and what a read-only one holds."""
    for folder in (place, *(place / subpath for subpath in nas.normalise(export)["subpaths"])):
        (folder / nas.sentinel_path(export)).mkdir(parents=True, exist_ok=True)
    if export.get("access") == "ro":
        furnish(place, export["name"])


def furnish(place: Path, title: str) -> None:
    """Some photos, where clients may only read and nothing is there yet: a library needs something to find."""
    if not any(entry.name != nas.SENTINELS for entry in place.iterdir()):
        for number in range(SAMPLE_PHOTOS):
            _photo(place, title, number)


def _photo(place: Path, title: str, number: int) -> None:
    taken = datetime.datetime(2016 + number // 4, 1 + number * 5 % 12, 1 + number * 7 % 28, 12, number)
    file = place / f"{taken:%Y}" / f"{taken:%m}" / f"IMG_{number + 1:04}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    comment = f"{title} {number + 1}".encode()
    file.write_bytes(_JPEG[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + _JPEG[2:])
    os.utime(file, (taken.timestamp(), taken.timestamp()))
