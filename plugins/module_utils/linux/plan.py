# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is declared and what a Linux host has to the steps between: pure but for looking at folders. Standard library only."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
from collections.abc import Mapping
from typing import Any

from ..nas import exports_line, nfs_path, normalise, parse_size, problems, sentinel_path
from .exports import DROP_IN, Entry, differences, narrowed, parse, render
from .look import DISKS, LinuxError, account, folder, install_hint

_ROOM = 1024 * 1024  # bytes that a pool must have left before anything is written to it


@dataclasses.dataclass(frozen=True)
class Step:
    """One change: a command, or a folder to make or to own."""

    kind: str  # create, set, folder, own, file, service, reload
    target: str
    values: tuple[Any, ...] = ()
    before: str = ""
    after: str = ""


@dataclasses.dataclass
class Plan:
    """What to do, or why not."""

    steps: list[Step] = dataclasses.field(default_factory=list)
    errors: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    warnings: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    entries: list[Entry] = dataclasses.field(default_factory=list)  # what the drop-in exports
    text: str = ""
    sentinels: dict[str, list[str]] = dataclasses.field(default_factory=dict)


def plan(declared: list[Mapping[str, Any]], seen: Mapping[str, Any], nas: str) -> Plan:
    """All exports at once: every error is found before the first step is taken."""
    result = Plan()
    lines = []
    ours = {entry.path for entry in parse(seen["files"].get(DROP_IN, ""))}
    for export in declared:
        one = _Export(normalise(export), seen, ours, result, nas)
        for text in problems(export, "linux"):
            one.error(text)
        if not one.failed:
            one.decide()
        if not one.failed:
            lines.append((one.name, exports_line({**one.wanted, "path": one.path}, one.mountpoint)))
    if not seen["service"]["installed"]:
        _say(result.errors, None, nas, f"there is no NFS server. Install it: {install_hint('nfs-kernel-server', 'nfs-utils')}.")
    if result.errors:
        return result
    result.text = render(lines)
    result.entries = parse(result.text, DROP_IN)
    before = seen["files"].get(DROP_IN, "")
    if before != result.text:
        result.steps.append(Step("file", DROP_IN, (result.text,), before, result.text))
    service = seen["service"]
    if not (service["enabled"] and service["active"]):
        state = "{} and {}".format("enabled" if service["enabled"] else "disabled", "active" if service["active"] else "inactive")
        result.steps.append(Step("service", "nfs-server", (), f"{state}\n", "enabled and active\n"))
    table = parse(seen["etab"])
    different = differences(result.entries, table)
    if before == result.text and service["active"] and different:
        result.steps.append(Step("reload", "exportfs -ra", (), "".join(f"{text}\n" for text in different), ""))
    _warn_of_narrowing(result, seen, ours, nas)
    _warn_of_missing_files(result, seen, table, ours, nas)
    return result


class _Export:
    """One export against what is there. `path` and `mountpoint` are known when it did not fail."""

    def __init__(self, wanted: dict[str, Any], seen: Mapping[str, Any], ours: set[str], result: Plan, nas: str) -> None:
        self.wanted, self.seen, self.ours, self.result, self.nas = wanted, seen, ours, result, nas
        self.name, self.dataset = wanted["name"], wanted["dataset"]
        self.path, self.mountpoint = "", None
        self.failed = self.new = False  # new: the folder is made in this run
        self.datasets, self.mounts = seen["datasets"], seen["mounts"]

    def error(self, message: str) -> None:
        """Refuse this export."""
        self.failed = True
        _say(self.result.errors, self.name, self.nas, message)

    def warn(self, message: str) -> None:
        """Say what is left as it is."""
        _say(self.result.warnings, self.name, self.nas, message)

    def decide(self) -> None:
        """The steps from what is there to what is declared."""
        if self.wanted["protocol"] == "smb":
            return self.error("protocol is smb, and on nas_provider linux only NFS is exported. Give the share to a host with nas_provider: none.")
        self.path = nfs_path(self.wanted, "linux")
        try:
            for key in ("user", "group"):
                self.wanted[f"map_{key}"] = self._account(f"map_{key}", key, self.wanted[f"map_{key}"])
                self.wanted["owner"][key] = self._account(f"owner.{key}", key, self.wanted["owner"][key])
        except LinuxError as error:
            return self.error(f"{error}.")
        self._dataset() if self.dataset else self._plain()
        if self.failed:
            return None
        for entry in self._foreign():
            if entry.path == self.path:
                return self.error(f"{entry.where} exports {self.path} already. Remove that line; two entries for one folder contradict each other.")
        self._folders()
        if not self.failed:
            self._sentinels()
        return None

    @staticmethod
    def _account(what: str, kind: str, value: Any) -> Any:
        try:
            return account(kind, value)
        except LinuxError as error:
            raise LinuxError(f"{what} is {value}, and {error}") from None

    def _foreign(self) -> list[Entry]:
        return [entry for file, text in self.seen["files"].items() if file != DROP_IN for entry in parse(text, file)]

    def _dataset(self) -> None:
        if not self.seen["zfs"]:
            return self.error(f"dataset is {self.dataset}, and there is no ZFS here. Install it: {install_hint('zfsutils-linux', 'zfs')}; or set path alone.")
        pool = self.dataset.split("/")[0]
        if pool not in self.seen["pools"]:
            return self.error(f"the pool {pool} is not imported. Run zpool import {pool}, or correct dataset, which is {self.dataset}.")
        return self._existing() if self.dataset in self.datasets else self._missing()

    def _existing(self) -> None:
        properties = {key: value for key, (value, _source) in self.datasets[self.dataset].items()}
        if properties["keystatus"] == "unavailable":
            return self.error(f"the dataset {self.dataset} is encrypted and locked. Run zfs load-key {self.dataset} and zfs mount {self.dataset}.")
        places = [place for place, kind, source in self.mounts if kind == "zfs" and source == self.dataset]
        if not places:
            return self.error(f"the dataset {self.dataset} is not mounted, so clients would see an empty folder. Run zfs mount {self.dataset}.")
        inside = [place for place in places if _within(self.path, place)]
        if not inside:
            return self.error(f"the dataset {self.dataset} is mounted at {places[0]}, and the export is {self.path}. Set path: {places[0]}.")
        self.mountpoint = max(inside, key=len)
        top = _mount_of(self.path, self.mounts)
        if top and top[2] != self.dataset:
            return self.error(f"{self.path} is not in the dataset {self.dataset}: {top[2]} is mounted over it at {top[0]}. Correct dataset or path.")
        if self._shared(self.dataset, self.dataset):
            return None
        if properties["readonly"] == "on" and self.wanted["access"] == "rw":
            return self.error(f"access is rw, and the dataset {self.dataset} has readonly=on. Run zfs set readonly=off {self.dataset}, or set access: ro.")
        for key, value in self._properties().items():
            if properties[key] != value:
                if key == "quota" and value != "0" and int(value) < int(properties["used"]):
                    return self.error(f"quota is {self.wanted['quota']}, and {self.dataset} holds {properties['used']} bytes already. Give it more.")
                self.result.steps.append(Step("set", self.dataset, (key, value), f"{key}={properties[key]}\n", f"{key}={value}\n"))
        return None

    def _missing(self) -> None:
        """Create it, and what is missing above it; nothing that is there may come to lie below a mount."""
        if self.path in self.ours:
            return self.error(
                f"the dataset {self.dataset} was exported before and is gone. Bring it back; "
                f"if a new, empty one is wanted, remove {self.path} from {DROP_IN} first."
            )
        parts = self.dataset.split("/")
        above = next(name for name in ("/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)) if name in self.datasets)
        parent = {key: value for key, (value, _source) in self.datasets[above].items()}
        if parent["keystatus"] == "unavailable":
            return self.error(f"the dataset {self.dataset} is to be created, and {above} is encrypted and locked. Run zfs load-key {above}.")
        if parent["canmount"] == "on" and parent["mounted"] == "no" and parent["mountpoint"] not in ("none", "legacy"):
            return self.error(f"the dataset {self.dataset} is to be created, and {above} is not mounted. Run zfs mount {above}.")
        if int(parent["available"]) < _ROOM:
            return self.error(f"the dataset {self.dataset} is to be created, and {above} is full. Make room in it.")
        if self._shared(above, self.dataset):
            return None
        inherited = parent["mountpoint"] if parent["mountpoint"] not in ("none", "legacy") else ""
        rest = self.dataset[len(above) + 1 :]
        natural = f"{inherited.rstrip('/')}/{rest}" if inherited else ""
        declared = self.wanted["path"]
        if not natural and not declared:
            return self.error(f"{above} has mountpoint={parent['mountpoint']}, so a new {self.dataset} has no place. Set path to where it belongs.")
        if natural and not declared and natural != self.path:
            return self.error(f"a new {self.dataset} would be mounted at {natural}, and the export is {self.path}. Set path: {natural}.")
        own_place = bool(declared) and not (natural and _within(declared, natural))
        self.mountpoint = declared if own_place else natural
        missing = ["/".join(parts[:count]) for count in range(above.count("/") + 2, len(parts) + 1)]
        for name in missing:
            place = self.mountpoint if name == self.dataset else f"{inherited.rstrip('/')}/{name[len(above) + 1 :]}" if inherited else None
            there = place and folder(place)
            if there and not there["empty"]:
                return self.error(f"{place} exists and is not the dataset {name}. Move what it holds elsewhere, then run again; or declare it by path alone.")
        for name in missing:
            if any(step.kind == "create" and step.target == name for step in self.result.steps):
                continue  # another export needs it too
            values = self._properties() if name == self.dataset else {}
            if own_place and name == self.dataset:
                values["mountpoint"] = self.mountpoint
            options = tuple(f"{key}={value}" for key, value in values.items())
            self.result.steps.append(Step("create", name, options, "", "".join(f"{line}\n" for line in (name, *options))))
        self.new = True
        return None

    def _shared(self, dataset: str, for_whom: str) -> bool:
        value, source = self.datasets[dataset]["sharenfs"]
        if value == "off":
            return False
        origin = source.removeprefix("inherited from ") if source.startswith("inherited") else dataset
        self.error(f"ZFS exports {for_whom} by itself (sharenfs={value} on {origin}). Run zfs set sharenfs=off {origin}; the export is this role's then.")
        return True

    def _properties(self) -> dict[str, str]:
        """What is declared of the dataset, as `zfs get -p` would say it."""
        found = {}
        if self.wanted["quota"]:
            found["quota"] = "0" if self.wanted["quota"] == "none" else str(parse_size(self.wanted["quota"]))
        if self.wanted["recordsize"]:
            found["recordsize"] = str(parse_size(self.wanted["recordsize"]))
        if self.wanted["compression"]:
            found["compression"] = self.wanted["compression"].lower()
        return found

    def _plain(self) -> None:
        there = folder(self.path)
        for place in self.seen["fstab"]:
            if place.startswith("/") and place != "/" and _within(self.path, place) and not any(at == place for at, *_rest in self.mounts):
                return self.error(f"{place} is in /etc/fstab and not mounted, so {self.path} is not what it should be. Run mount {place}.")
        if self.path in self.ours and not (there and os.path.isdir(f"{self.path}/{sentinel_path(self.wanted)}")):
            return self.error(
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
                return self.error(f"{path} is not a folder. Correct path or subpaths.")
            if there["real"] != path:
                return self.error(f"{path} is a symbolic link to {there['real']}. Declare that path instead.")
            have = (there["uid"], there["gid"], there["mode"])
            want = tuple(have[i] if value is None else value for i, value in enumerate((owner["user"], owner["group"], mode if owner["mode"] else None)))
            if have != want and owner["enforce"] and path == self.path:
                self.result.steps.append(Step("own", path, want, _owner_text(*have), _owner_text(*want)))
            elif have != want:
                is_now, should = _owner_text(*have).strip(), _owner_text(*want).strip()
                self.warn(f"{path} has {is_now}, and the owner declared is {should}. It is left as it is; set owner.enforce: true to change this one folder.")
        return None

    def _sentinels(self) -> None:
        """A sentinel where the export and each file system below it are really mounted; clients have to see those below."""
        children = [] if self.new else [entry for entry in self.mounts if entry[0] != self.path and _within(entry[0], self.path) and entry[1] in DISKS]
        children = [entry for entry in children if "@" not in entry[2]]  # snapshots that somebody looks at
        exported = {entry.path for entry in self._foreign()} | self._declared_paths()
        if "crossmnt" not in self.wanted["options"]:
            for place, _dataset, source in children:
                if place not in exported:
                    self.warn(
                        f"{source}, mounted at {place}, has no export of its own, so clients see an empty folder there. "
                        "Declare it as an export, or set options: [crossmnt]."
                    )
        for name, properties in self.datasets.items():
            place, away = properties["mountpoint"][0], properties["canmount"][0] != "off" and properties["mounted"][0] == "no"
            if self.dataset and name.startswith(f"{self.dataset}/") and away and _within(place, self.path):
                why = "locked" if properties["keystatus"][0] == "unavailable" else "not mounted"
                self.warn(f"the dataset {name} below it is {why}, so clients see an empty folder at {place}. It gets no sentinel.")
        places = [self.path, *(f"{self.path}/{subpath}" for subpath in self.wanted["subpaths"]), *dict.fromkeys(place for place, *_rest in children)]
        missing = [place for place in places if not os.path.isdir(f"{place}/{sentinel_path(self.wanted)}") or (self.new and self.dataset)]
        if missing and self.dataset in self.datasets:
            available, readonly = (self.datasets[self.dataset][key][0] for key in ("available", "readonly"))
            if int(available) < _ROOM:
                return self.error(f"the sentinel is missing, and {self.dataset} is full. Make room in it, then run again.")
            if readonly == "on":
                return self.error(f"the sentinel is missing, and {self.dataset} has readonly=on. Run zfs set readonly=off {self.dataset} for this run.")
        self.result.sentinels[self.name] = places
        for place in missing:
            target = f"{place}/{sentinel_path(self.wanted)}"
            self.result.steps.append(Step("folder", target, (0, 0, 0o755), "", _owner_text(0, 0, 0o755)))
        return None

    def _declared_paths(self) -> set[str]:
        return self.seen["declared"]


def _warn_of_narrowing(result: Plan, seen: Mapping[str, Any], ours: set[str], nas: str) -> None:
    """Before a client loses something: who is connected now."""
    before = list(parse(seen["files"].get(DROP_IN, "")))
    lost = narrowed(before, result.entries)
    for path, reasons in lost.items():
        specs = {entry.client for entry in before if entry.path == path}
        using = [f"{address} ({name})" if name else address for address, name in seen["clients"] if any(_matches(address, spec) for spec in specs)]
        who = f"Connected now: {', '.join(using)}." if using else "No client is connected now."
        _say(result.warnings, None, nas, f"{path} is exported to fewer than before: {'; '.join(reasons)}. {who}")


def _warn_of_missing_files(result: Plan, seen: Mapping[str, Any], table: list[Entry], ours: set[str], nas: str) -> None:
    """What somebody exported by hand, in no file, does not survive `exportfs -ra`."""
    listed = {(entry.path, entry.client) for file, text in seen["files"].items() for entry in parse(text, file)}
    by_hand = [f"{entry.path} to {entry.client}" for entry in table if (entry.path, entry.client) not in listed and entry.path not in ours]
    if by_hand and any(step.kind in ("file", "reload") for step in result.steps):
        _say(result.warnings, None, nas, f"exported by hand and in no file, so not after this run: {', '.join(by_hand)}. Write them to a file to keep them.")


def _say(where: list[dict[str, Any]], export: str | None, nas: str, message: str) -> None:
    where.append({"export": export, "severity": "", "message": f"{nas}, export {export}: {message}" if export else f"{nas}: {message}"})


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/")


def _mount_of(path: str, mounts: list[tuple[str, str, str]]) -> tuple[str, str, str] | None:
    """The file system that a path is on: the deepest place, and there the last that was mounted."""
    found = None
    for entry in mounts:
        if _within(path, entry[0]) and (found is None or len(entry[0]) >= len(found[0])):
            found = entry
    return found


def _matches(address: str, client: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(client)
    except ValueError:
        return True  # a name or a pattern: better one too many


def _owner_text(uid: int, gid: int, mode: int) -> str:
    return f"{uid}:{gid} {mode:04o}\n"
