# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the NAS of a rehearsal has: folders on this machine, and a state file beside them that people and tests may edit.

A host is set up once per export as if somebody had done it right by hand. After that the state file is what counts, so a dataset that
is unmounted there, a share that is flipped or a sentinel that is removed stays so until the export is declared differently.
"""

from __future__ import annotations

import base64
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
    """Set up what is declared and not there yet, on every NAS of the rehearsal. A NAS that is not TrueNAS has folders only."""
    for host, declared in (spec.get("nas") or {}).items():
        provider = declared.get("provider") or "none"
        exports = [export for export in declared.get("exports") or [] if not nas.problems(export, provider)]
        if provider == "truenas":
            truenas = Host(root, host)
            for export in exports:
                truenas.set_up(export)
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

    def set_up(self, export: dict[str, Any]) -> None:
        """Dataset, folder, share, service, sentinel: as declared, unless that was done before for the same declaration."""
        state = self.read()
        if state["set_up"].get(export["name"]) == export:
            return
        wanted = nas.normalise(export)
        parts = wanted["dataset"].split("/")
        for depth in range(1, len(parts) + 1):
            state["datasets"]["/".join(parts[:depth])] = {"mounted": True, "locked": False, "readonly": False}
        path = nas.nfs_path(export, "truenas") if wanted["protocol"] == "nfs" else f"/mnt/{wanted['dataset']}"
        owner = wanted["owner"]
        uid = _account(state["users"], "username", "uid", owner["user"]) if owner["user"] is not None else 0
        gid = _account(state["groups"], "group", "gid", owner["group"]) if owner["group"] is not None else 0
        state["owners"][path] = {"uid": uid, "gid": gid, "mode": owner["mode"] or "0755"}
        if wanted["protocol"] == "nfs":
            _replace(state["nfs_shares"], "path", _nfs_share(state, path, wanted))
        else:
            _replace(state["smb_shares"], "name", {"name": wanted["share"], "path": path, "enabled": True, "readonly": wanted["access"] == "ro", "comment": ""})
        for service in state["services"]:
            if service["service"] == {"nfs": "nfs", "smb": "cifs"}[wanted["protocol"]]:
                service |= {"enable": True, "state": "RUNNING"}
        if wanted["snapshots"]:
            _replace(state["snapshot_tasks"], "dataset", _snapshot_task(wanted["dataset"], wanted["snapshots"]))
        state["set_up"][export["name"]] = export
        self.write(state)
        _furnish(self.on_disk(path), export)

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
        "set_up": {},  # the exports as they were declared when they were set up
    }


def _account(accounts: list[dict[str, Any]], name_key: str, id_key: str, wanted: int | str) -> int:
    """The number of a user or group, which is made when it is not there."""
    for account in accounts:
        if wanted in (account[id_key], account[name_key]):
            return account[id_key]
    number = wanted if isinstance(wanted, int) else max([3000, *(account[id_key] + 1 for account in accounts if 3000 <= account[id_key] < 60000)])
    accounts.append({id_key: number, name_key: wanted if isinstance(wanted, str) else f"id{wanted}"})
    return number


def _nfs_share(state: dict[str, Any], path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    fields = nas.truenas_share(wanted)
    for key in ("maproot_user", "mapall_user"):
        if fields[key] is not None:
            uid = _account(state["users"], "username", "uid", fields[key])
            fields[key] = next(user["username"] for user in state["users"] if user["uid"] == uid)
    for key in ("maproot_group", "mapall_group"):
        if fields[key] is not None:
            gid = _account(state["groups"], "group", "gid", fields[key])
            fields[key] = next(group["group"] for group in state["groups"] if group["gid"] == gid)
    networks = [client for client in wanted["clients"] if "/" in client]
    hosts = [client for client in wanted["clients"] if "/" not in client]
    return fields | {"path": path, "networks": networks, "hosts": hosts, "enabled": True, "security": [], "comment": "", "expose_snapshots": False}


def _snapshot_task(dataset: str, snapshots: dict[str, Any]) -> dict[str, Any]:
    minute, hour, dom, month, dow = snapshots["schedule"].split()
    unit = {"h": "HOUR", "d": "DAY", "w": "WEEK", "m": "MONTH", "y": "YEAR"}[snapshots["keep"][-1]]
    schedule = {"minute": minute, "hour": hour, "dom": dom, "month": month, "dow": dow, "begin": "00:00", "end": "23:59"}
    return {"dataset": dataset, "enabled": True, "schedule": schedule, "lifetime_value": int(snapshots["keep"][:-1]), "lifetime_unit": unit}


def _replace(entries: list[dict[str, Any]], key: str, entry: dict[str, Any]) -> None:
    """Put an entry in the place of the one with the same key, or add it with a number of its own."""
    for index, old in enumerate(entries):
        if old[key] == entry[key]:
            entries[index] = {"id": old["id"]} | entry
            return
    entries.append({"id": max([0, *(old["id"] for old in entries)]) + 1} | entry)


def _furnish(place: Path, export: dict[str, Any]) -> None:
    """The folder of an export: its sentinel, and some photos where clients may only read and nothing is there yet."""
    new = not place.exists() or not any(place.iterdir())
    (place / nas.sentinel_path(export)).mkdir(parents=True, exist_ok=True)
    if new and export.get("access") == "ro":
        for number in range(SAMPLE_PHOTOS):
            _photo(place, export["name"], number)


def _photo(place: Path, title: str, number: int) -> None:
    taken = datetime.datetime(2016 + number // 4, 1 + number * 5 % 12, 1 + number * 7 % 28, 12, number)
    file = place / f"{taken:%Y}" / f"{taken:%m}" / f"IMG_{number + 1:04}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    comment = f"{title} {number + 1}".encode()
    file.write_bytes(_JPEG[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + _JPEG[2:])
    os.utime(file, (taken.timestamp(), taken.timestamp()))
