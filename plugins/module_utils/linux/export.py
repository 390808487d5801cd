# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One export of a Linux host: from what is declared and what is there to the steps between. Pure but for looking at folders and accounts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..nas import dataset_properties, nfs_path, normalise, problems, sentinel_path, sentinel_places, within
from ..nas_access import can
from .exports import DROP_IN, parse
from .look import DISKS, ZFS, LinuxError, account, folder, groups_of, install_hint
from .steps import Plan, Step

_ROOM = 1024 * 1024  # bytes that a pool must have left before anything is written to it


class Export:
    """One export against what is there. `path` and `mountpoint` are known when it did not fail."""

    def __init__(self, declared: Mapping[str, Any], seen: Mapping[str, Any], exported: set[str], places: set[str], result: Plan) -> None:
        """`exported` are the paths that the drop-in has now, `places` those that are declared."""
        self.declared, self.wanted, self.seen, self.exported, self.places, self.result = declared, normalise(declared), seen, exported, places, result
        self.name, self.dataset = self.wanted["name"], self.wanted["dataset"]
        self.path, self.mountpoint = "", None
        self.failed = self.new = False  # new: the folder is made in this run
        self.datasets = {name: {key: value for key, (value, _source) in entry.items()} for name, entry in seen["datasets"].items()}
        self.mounts = seen["mounts"]
        self.foreign = [entry for file, text in seen["files"].items() if file != DROP_IN for entry in parse(text, file)]

    def refuse(self, message: str) -> None:
        """Nothing is done, and this is why."""
        self.failed = True
        self.result.refuse(message, self.name)

    def warn(self, message: str) -> None:
        """Say what is left as it is."""
        self.result.warn(message, self.name)

    def decide(self) -> None:
        """The steps from what is there to what is declared."""
        for text in problems(self.declared, "linux"):
            self.refuse(text)
        if self.failed:
            return None
        self.path = nfs_path(self.wanted, "linux")
        for where, key in ((self.wanted, "map_user"), (self.wanted, "map_group"), (self.wanted["owner"], "user"), (self.wanted["owner"], "group")):
            try:
                where[key] = account(key.removeprefix("map_"), where[key])
            except LinuxError as error:
                return self.refuse(f"{key if where is self.wanted else f'owner.{key}'} is {where[key]}, and {error}.")
        self._dataset() if self.dataset else self._plain()
        if self.failed:
            return None
        for entry in self.foreign:
            if entry.path == self.path:
                return self.refuse(f"{entry.where} exports {self.path} already. Remove that line; two entries for one folder contradict each other.")
        self._folders()
        if not self.failed:
            self._sentinels()
        return None

    def warn_of_groups(self, users: Iterable[Mapping[str, Any]]) -> None:
        """Where the server does not count the groups that pods come with, and they need them."""
        there = None if self.new and self.dataset else folder(self.path)
        real = {"user": there["uid"], "group": there["gid"], "mode": f"{there['mode']:04o}"} if there else None
        for uid, gid, groups, write in [(user["uid"], user["gid"], user["groups"], user["write"]) for user in users if self.seen["manage_gids"]]:
            action, here = "write" if write else "read", groups_of(uid)
            counted, not_counted = (can(uid, gid, groups, self.wanted, action, owner=real, nas_groups=nas_groups).allowed for nas_groups in (None, here))
            if counted and not not_counted:
                self.warn(
                    f"pods with uid {uid} may {action} here by their groups {_numbers(groups)} alone, and this server looks up the groups of that uid itself "
                    f"(manage-gids in nfs.conf): {_numbers(here)}. Give the uid an account with the group here, or set manage-gids=n under [mountd]."
                )

    def _dataset(self) -> None:
        if not self.seen["zfs"]:
            return self.refuse(f"dataset is {self.dataset}, and there is no ZFS here. Install it: {install_hint(ZFS)}; or set path alone.")
        pool = self.dataset.split("/")[0]
        if pool not in self.seen["pools"]:
            return self.refuse(f"the pool {pool} is not imported. Run zpool import {pool}, or correct dataset, which is {self.dataset}.")
        return self._existing() if self.dataset in self.datasets else self._missing()

    def _existing(self) -> None:
        properties = self.datasets[self.dataset]
        if properties["keystatus"] == "unavailable":
            return self.refuse(f"the dataset {self.dataset} is encrypted and locked. Run zfs load-key {self.dataset} and zfs mount {self.dataset}.")
        places = [place for place, kind, source in self.mounts if kind == "zfs" and source == self.dataset]
        if not places:
            return self.refuse(f"the dataset {self.dataset} is not mounted, so clients would see an empty folder. Run zfs mount {self.dataset}.")
        inside = [place for place in places if within(self.path, place)]
        if not inside:
            return self.refuse(f"the dataset {self.dataset} is mounted at {places[0]}, and the export is {self.path}. Set path: {places[0]}.")
        self.mountpoint = max(inside, key=len)
        top = _mount_of(self.path, self.mounts)
        if top and top[2] != self.dataset:
            return self.refuse(f"{self.path} is not in the dataset {self.dataset}: {top[2]} is mounted over it at {top[0]}. Correct dataset or path.")
        if self._shared(self.dataset, self.dataset):
            return None
        if properties["readonly"] == "on" and self.wanted["access"] == "rw":
            return self.refuse(f"access is rw, and the dataset {self.dataset} has readonly=on. Run zfs set readonly=off {self.dataset}, or set access: ro.")
        for key, value in dataset_properties(self.wanted).items():
            if properties[key] != value:
                if key == "quota" and value != "0" and int(value) < int(properties["used"]):
                    return self.refuse(f"quota is {self.wanted['quota']}, and {self.dataset} holds {properties['used']} bytes already. Give it more.")
                self.result.steps.append(Step("set", self.dataset, (key, value), f"{key}={properties[key]}\n", f"{key}={value}\n"))
        return None

    def _missing(self) -> None:
        """Create it, and what is missing above it; nothing that is there may come to lie below a mount."""
        if self.path in self.exported:
            return self.refuse(
                f"the dataset {self.dataset} was exported before and is gone. Bring it back; "
                f"if a new, empty one is wanted, remove {self.path} from {DROP_IN} first."
            )
        parts = self.dataset.split("/")
        above = next(name for name in ("/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)) if name in self.datasets)
        parent = self.datasets[above]
        if parent["keystatus"] == "unavailable":
            return self.refuse(f"the dataset {self.dataset} is to be created, and {above} is encrypted and locked. Run zfs load-key {above}.")
        if parent["canmount"] == "on" and parent["mounted"] == "no" and parent["mountpoint"] not in ("none", "legacy"):
            return self.refuse(f"the dataset {self.dataset} is to be created, and {above} is not mounted. Run zfs mount {above}.")
        if int(parent["available"]) < _ROOM:
            return self.refuse(f"the dataset {self.dataset} is to be created, and {above} is full. Make room in it.")
        if self._shared(above, self.dataset):
            return None
        inherited = parent["mountpoint"] if parent["mountpoint"] not in ("none", "legacy") else ""
        rest = self.dataset[len(above) + 1 :]
        natural = f"{inherited.rstrip('/')}/{rest}" if inherited else ""
        declared = self.wanted["path"]
        if not natural and not declared:
            return self.refuse(f"{above} has mountpoint={parent['mountpoint']}, so a new {self.dataset} has no place. Set path to where it belongs.")
        if natural and not declared and natural != self.path:
            return self.refuse(f"a new {self.dataset} would be mounted at {natural}, and the export is {self.path}. Set path: {natural}.")
        own_place = bool(declared) and not (natural and within(declared, natural))
        self.mountpoint = declared if own_place else natural
        missing = ["/".join(parts[:count]) for count in range(above.count("/") + 2, len(parts) + 1)]
        for name in missing:
            place = self.mountpoint if name == self.dataset else f"{inherited.rstrip('/')}/{name[len(above) + 1 :]}" if inherited else None
            there = place and folder(place)
            if there and not there["empty"]:
                return self.refuse(f"{place} exists and is not the dataset {name}. Move what it holds elsewhere, then run again; or declare it by path alone.")
        for name in missing:
            if any(step.kind == "create" and step.target == name for step in self.result.steps):
                continue  # another export needs it too
            values = dataset_properties(self.wanted) if name == self.dataset else {}
            if own_place and name == self.dataset:
                values["mountpoint"] = self.mountpoint
            options = tuple(f"{key}={value}" for key, value in values.items())
            self.result.steps.append(Step("create", name, options, "", "".join(f"{line}\n" for line in (name, *options))))
        self.new = True
        return None

    def _shared(self, dataset: str, for_whom: str) -> bool:
        value, source = self.seen["datasets"][dataset]["sharenfs"]
        if value == "off":
            return False
        origin = source.removeprefix("inherited from ") if source.startswith("inherited") else dataset
        self.refuse(f"ZFS exports {for_whom} by itself (sharenfs={value} on {origin}). Run zfs set sharenfs=off {origin}; the export is this role's then.")
        return True

    def _plain(self) -> None:
        there, top = folder(self.path), _mount_of(self.path, self.mounts)
        mounted = {at for at, _kind, _source in self.mounts}
        for place in self.seen["fstab"]:
            if place.startswith("/") and place != "/" and within(self.path, place) and place not in mounted:
                return self.refuse(f"{place} is in /etc/fstab and not mounted, so {self.path} is not what it should be. Run mount {place}.")
        for name, place in self._unmounted():
            if within(self.path, place) and not (top and within(top[0], place)) and self.datasets[name]["canmount"] == "on":
                return self.refuse(f"{place} is the place of the dataset {name}, which is not mounted. Run zfs mount {name}.")
        if self.path in self.exported and not (there and os.path.isdir(f"{self.path}/{sentinel_path(self.wanted)}")):
            return self.refuse(
                f"{self.path} was exported before, and {'its sentinel' if there else 'it'} is gone: a disk is probably not mounted. Mount it; "
                f"if the folder is right as it is, run mkdir -p {self.path}/{sentinel_path(self.wanted)}."
            )
        self.new = there is None
        return None

    def _folders(self) -> None:
        """The root of the export and its subpaths: made with owner and mode, or compared."""
        owner = self.wanted["owner"]
        mode = int(owner["mode"], 8) if owner["mode"] else 0o755
        fresh = self.new and self.dataset is not None  # nothing to look at yet
        for path in [self.path, *(f"{self.path}/{subpath}" for subpath in self.wanted["subpaths"])]:
            there = None if fresh else folder(path)
            if there is None:
                made = (owner["user"] or 0, owner["group"] or 0, mode)
                if path != self.mountpoint or not fresh:
                    self.result.steps.append(Step("folder", path, made, "", _owner_text(*made)))
                elif made != (0, 0, 0o755):
                    self.result.steps.append(Step("own", path, made, "", _owner_text(*made)))
                continue
            if not there["folder"]:
                return self.refuse(f"{path} is not a folder. Correct path or subpaths.")
            if there["real"] != path:
                return self.refuse(f"{path} is a symbolic link to {there['real']}. Declare that path instead.")
            have = (there["uid"], there["gid"], there["mode"])
            want = tuple(have[i] if value is None else value for i, value in enumerate((owner["user"], owner["group"], mode if owner["mode"] else None)))
            unfinished = there["empty"] and have[:2] == (0, 0)  # a run before was cut off, and there is nothing to lose
            if have != want and (unfinished or (owner["enforce"] and path == self.path)):
                self.result.steps.append(Step("own", path, want, _owner_text(*have), _owner_text(*want)))
            elif have != want:
                is_now, should = _owner_text(*have).strip(), _owner_text(*want).strip()
                self.warn(f"{path} has {is_now}, and the owner declared is {should}. It is left as it is; set owner.enforce: true to change this one folder.")
        return None

    def _sentinels(self) -> None:
        """A sentinel where the export and each file system below it are really mounted; clients have to see those below."""
        if self.dataset and self.wanted["access"] == "ro" and self.path in self.exported and not self.new and not os.listdir(self.path):
            where = f"{self.path} was exported before, and is empty now, without its sentinel"
            return self.refuse(f"{where}: is {self.dataset} the right dataset? Bring the photos back, then run again.")
        children = [] if self.new else [entry for entry in self.mounts if entry[0] != self.path and within(entry[0], self.path) and entry[1] in DISKS]
        children = [entry for entry in children if "@" not in entry[2]]  # snapshots that somebody looks at
        exported = {entry.path for entry in self.foreign} | self.places
        if "crossmnt" not in self.wanted["options"]:
            for place, _kind, source in children:
                if place not in exported:
                    self.warn(
                        f"{source}, mounted at {place}, has no export of its own, so clients see an empty folder there. "
                        "Declare it as an export, or set options: [crossmnt]."
                    )
        for name, place in self._unmounted():
            if place != self.path and within(place, self.path):
                why = "locked" if self.datasets[name]["keystatus"] == "unavailable" else "not mounted"
                self.warn(f"the dataset {name} below it is {why}, so clients see an empty folder at {place}. It gets no sentinel.")
        sentinels = sentinel_places({**self.wanted, "path": self.path}, "linux", dict.fromkeys(place for place, *_rest in children))
        missing = [place for place in sentinels if not os.path.isdir(place) or (self.new and self.dataset)]
        if missing and self.dataset in self.datasets:
            properties = self.datasets[self.dataset]
            if int(properties["available"]) < _ROOM:
                return self.refuse(f"the sentinel is missing, and {self.dataset} is full. Make room in it, then run again.")
            if properties["readonly"] == "on":
                return self.refuse(f"the sentinel is missing, and {self.dataset} has readonly=on. Run zfs set readonly=off {self.dataset} for this run.")
        self.result.sentinels += sentinels
        self.result.steps += [Step("folder", place, (0, 0, 0o755), "", _owner_text(0, 0, 0o755)) for place in missing]
        return None

    def _unmounted(self) -> list[tuple[str, str]]:
        """Datasets that have a place and are not there, with that place."""
        return [
            (name, properties["mountpoint"])
            for name, properties in self.datasets.items()
            if properties["mounted"] == "no" and properties["canmount"] != "off" and properties["mountpoint"].startswith("/")
        ]


def _numbers(groups: Iterable[int]) -> str:
    return ", ".join(str(group) for group in groups) or "none"


def _mount_of(path: str, mounts: list[tuple[str, str, str]]) -> tuple[str, str, str] | None:
    """The file system that a path is on: the deepest place, and there the last that was mounted."""
    found = None
    for entry in mounts:
        if within(path, entry[0]) and (found is None or len(entry[0]) >= len(found[0])):
            found = entry
    return found


def _owner_text(uid: int, gid: int, mode: int) -> str:
    return f"{uid}:{gid} {mode:04o}\n"
