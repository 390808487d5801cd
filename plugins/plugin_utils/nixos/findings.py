# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a NixOS NAS is not as declared, each a sentence with what to do. Pure functions."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.plugins.module_utils.linux.exports import differences, narrowing, parse

from .look import Folder, Seen, places

DEPLOY = "Deploy the module that nas_nixos_mode: flake writes, or set nas_nixos_mode: rebuild, or correct nas_exports."
RESTART = "Look at systemctl status nfs-server nfs-mountd on it; systemctl restart nfs-mountd reads the exports again."


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is not as declared."""

    export: str | None
    severity: str  # error, warning
    message: str
    about: str  # export: a rebuild may mend it; sentinel; nas: what a person has to do there


def findings(exports: Sequence[Mapping[str, Any]], seen: Seen, host: str, advice: str = DEPLOY) -> list[Finding]:
    """Everything that is not as declared. `advice` is what to do about an export that is missing or differs."""
    found = list(_server(seen, host, advice))
    declared = {nas.nfs_path(export, "nixos") for export in exports}
    for export in exports:
        one = _Look(nas.normalise(export), seen, host, advice, declared)
        one.look()
        found += one.found
    return found


def mountpoints(exports: Iterable[Mapping[str, Any]], seen: Seen) -> dict[str, str]:
    """Where the datasets of these exports are mounted, by the name of the export."""
    found = {}
    for export in exports:
        path = nas.nfs_path(export, "nixos")
        inside = [place for place, kind, source in seen.mounts if kind == "zfs" and source == export.get("dataset") and nas.within(path, place)]
        if inside:
            found[export["name"]] = max(inside, key=len)
    return found


def _server(seen: Seen, host: str, advice: str) -> Iterable[Finding]:
    if seen.etab is None or not seen.listens:
        what = "there is no table of exports, /var/lib/nfs/etab" if seen.etab is None else "nobody listens on port 2049"
        yield Finding(None, "error", f"{host}: the NFS server does not run ({what}). {advice}", "export")


class _Look:
    """One export, held against what is there."""

    def __init__(self, wanted: dict[str, Any], seen: Seen, host: str, advice: str, declared: set[str]) -> None:
        self.wanted, self.seen, self.host, self.advice, self.declared = wanted, seen, host, advice, declared
        self.name, self.dataset, self.path = wanted["name"], wanted["dataset"], nas.nfs_path(wanted, "nixos")
        self.found: list[Finding] = []

    def say(self, severity: str, message: str, about: str = "nas") -> None:
        self.found.append(Finding(self.name, severity, f"{self.host}, export {self.name}: {message}", about))

    def look(self) -> None:
        there = not self.dataset or self._dataset()
        if there and self._folder():
            self._properties()
            self._below()
            self._owner()
            self._sentinels()
        self._exports()

    # the dataset

    def _dataset(self) -> bool:
        """Whether the dataset is there and mounted where the export is."""
        properties = {key: value for key, (value, _source) in self.seen.datasets.get(self.dataset, {}).items()}
        mounted = [place for place, kind, source in self.seen.mounts if kind == "zfs" and source == self.dataset]
        inside = [place for place in mounted if nas.within(self.path, place)]
        top = self.seen.mount_of(self.path)
        if not self.seen.zfs:
            self.say("error", f"dataset is {self.dataset}, and there is no ZFS. Set boot.supportedFilesystems.zfs = true; or declare the folder by path alone.")
        elif not properties and self.dataset.split("/")[0] not in self.seen.pools:
            pool = self.dataset.split("/")[0]
            self.say("error", f"the pool {pool} is not imported. Run sudo zpool import {pool}, or correct dataset, which is {self.dataset}.")
        elif not properties:
            self.say("error", f"there is no dataset {self.dataset}. Make it: {create_command(self.wanted, self.seen)}")
        elif properties["keystatus"] == "unavailable":
            dataset = shlex.quote(self.dataset)
            self.say("error", f"the dataset {self.dataset} is encrypted and locked. Run sudo zfs load-key {dataset} && sudo zfs mount {dataset}.")
        elif not mounted:
            text = f"the dataset {self.dataset} is not mounted, so clients see nothing or an empty folder."
            self.say("error", f"{text} Run sudo zfs mount {shlex.quote(self.dataset)} before anything scans it.")
        elif not inside:
            self.say("error", f"the dataset {self.dataset} is mounted at {mounted[0]}, and the export is {self.path}. Set path: {mounted[0]}.")
        elif top is not None and self.seen.mounts[top][2] != self.dataset:
            place, _kind, source = self.seen.mounts[top]
            self.say("error", f"{self.path} is not in the dataset {self.dataset}: {source} is mounted over it at {place}. Correct dataset or path.")
        else:
            return True
        return False

    def _properties(self) -> None:
        """sharenfs, readonly, and what is declared of the dataset, as parsed values."""
        if not self.dataset:
            return
        properties = self.seen.datasets[self.dataset]
        shared, source = properties["sharenfs"]
        dataset = shlex.quote(self.dataset)
        if shared != "off":
            origin = shlex.quote(source.removeprefix("inherited from ") if source.startswith("inherited") else self.dataset)
            text = f"ZFS exports {self.dataset} by itself too (sharenfs={shared} on {origin}), and which of the two counts is chance."
            self.say("error", f"{text} Run sudo zfs set sharenfs=off {origin}.")
        if properties["readonly"][0] == "on" and self.wanted["access"] == "rw":
            self.say("error", f"access is rw, and {self.dataset} has readonly=on. Run sudo zfs set readonly=off {dataset}, or set access: ro.")
        for key, value in nas.dataset_properties(self.wanted).items():
            real = properties[key][0]
            if real != value:
                text = f"{key} of {self.dataset} is {real}, and {value} is declared ({self.wanted[key]})."
                self.say("warning", f"{text} Run sudo zfs set {key}={value} {dataset}, or correct nas_exports.")

    def _below(self) -> None:
        """Datasets and disks below the export that clients would see as empty folders."""
        below = self.seen.below(self.path)
        if "crossmnt" not in self.wanted["options"]:
            exported = self.declared | {entry.path for entry in self.seen.etab or []}
            for place, source in below:
                if place not in exported:
                    text = f"{source}, mounted at {place}, has no export of its own, so clients see an empty folder there."
                    self.say("warning", f"{text} Declare it as an export, or set options: [crossmnt].")
        for name, properties in self.seen.datasets.items():
            if not (self.dataset and name.startswith(f"{self.dataset}/")):
                continue
            place, away = properties["mountpoint"][0], properties["canmount"][0] != "off" and properties["mounted"][0] == "no"
            if away and nas.within(place, self.path):
                locked = properties["keystatus"][0] == "unavailable"
                command = f"sudo zfs load-key {shlex.quote(name)} && " * locked + f"sudo zfs mount {shlex.quote(name)}"
                text = f"the dataset {name} below it is {'locked' if locked else 'not mounted'}, so clients see an empty folder at {place}."
                self.say("warning", f"{text} Run {command}.")

    # the folder

    def _there(self, place: str) -> Folder | None:
        return self.seen.folders.get(f"{self.name} {place}")

    def _folder(self) -> bool:
        there = self._there(self.path)
        if there is None:
            reason = "" if self.seen.user == "root" else f", or {self.seen.user} may not see it"
            self.say("error", f"there is no folder {self.path}{reason}. {self._make(self.path)}")
        elif not there.is_folder:
            self.say("error", f"{self.path} is not a folder. Correct path.")
        elif there.real != self.path:
            self.say("error", f"{self.path} is a symbolic link to {there.real}. Declare that path instead.")
        else:
            return True
        return False

    def _make(self, place: str) -> str:
        owner = self.wanted["owner"]
        given = [f"-{letter} {shlex.quote(str(value))}" for letter, value in (("o", owner["user"]), ("g", owner["group"])) if value is not None]
        return f"Make it: sudo install -d {' '.join([*given, '-m', owner['mode'] or '0755'])} {shlex.quote(place)}"

    def _owner(self) -> None:
        """Numbers only: a name is the host's own business, and what the cluster sees are numbers."""
        owner = self.wanted["owner"]
        for place in [self.path, *(f"{self.path}/{subpath}" for subpath in self.wanted["subpaths"])]:
            there = self._there(place)
            if there is None:
                self.say("error", f"there is no folder {place}, which subpaths names. {self._make(place)}")
                continue
            commands = []
            whom = [
                (letter, value, is_now)
                for letter, value, is_now in (("", owner["user"], there.owner), (":", owner["group"], there.group))
                if isinstance(value, int) and value != is_now
            ]
            if whom:
                commands.append(f"sudo chown {''.join(f'{letter}{value}' for letter, value, _is_now in whom)} {shlex.quote(place)}")
            if owner["mode"] and int(owner["mode"], 8) != there.mode:
                commands.append(f"sudo chmod {owner['mode']} {shlex.quote(place)}")
            if commands:
                is_now, should = f"{there.owner}:{there.group} {there.mode:04o}", f"{owner['user']}:{owner['group']} {owner['mode'] or ''}".strip()
                self.say("warning", f"{place} belongs to {is_now}, and the owner declared is {should}. Run {' && '.join(commands)}, or correct owner.")

    def _sentinels(self) -> None:
        missing = [place for place in places(self.wanted, self.seen) if (there := self._there(place)) and there.is_folder and not there.sentinel]
        if missing:
            commands = " ; ".join(nas.sentinel_commands(self.wanted, "nixos"))
            text = f"its sentinel is missing in {', '.join(missing)}, so scans are refused."
            self.say("warning", f"{text} Where the photos are there, make it: {commands}", "sentinel")

    # the export

    def _exports(self) -> None:
        """The table that mountd tells the kernel, what the kernel serves already, and who else may mount."""
        if self.seen.etab is None:
            return  # said once, for the whole host
        wanted = [dataclasses.replace(entry, client=self.seen.hosts.get(entry.client, entry.client)) for entry in parse(nas.exports_line(self.wanted))]
        clients = {entry.client for entry in wanted}
        table = [entry for entry in self.seen.etab if entry.client in clients]
        wrong = differences(wanted, table)
        for difference in wrong:
            self.say("error", f"{difference}. {self.advice}", "export")
        for served in self.seen.kernel:
            stale = [entry for entry in wanted if (entry.path, entry.client) == (served.path, served.client)]
            if not wrong and differences(stale, [served]):
                text = f"the kernel still serves {served.path} to {served.client} as before, with {','.join(served.options)}."
                self.say("error", f"{text} Run sudo exportfs -f on {self.host}.", "export")
        for other in self.seen.etab:
            if other.path == self.path and other.client not in clients:
                text = f"{self.path} is exported to {other.client} too, which clients does not have."
                self.say("warning", f"{text} Add it, or take it out of the configuration.", "export")
        for entry in wanted:
            twice = [listed for listed in self.seen.files if (listed.path, listed.client) == (entry.path, entry.client)]
            if len(twice) > 1:
                disagree = len({(listed.writable, listed.squash) for listed in twice}) > 1
                text = f"{entry.path} is exported to {entry.client} {len(twice)} times, in {' and '.join(listed.where for listed in twice)}"
                how = ", and they disagree" if disagree else ""
                self.say("error" if disagree else "warning", f"{text}{how}. Keep one of them in the configuration.", "nas")


def create_command(wanted: Mapping[str, Any], seen: Seen) -> str:
    """How a person makes the dataset of an export: properties, its place where that does not follow, and the owner."""
    dataset, path, owner = wanted["dataset"], nas.nfs_path(wanted, "nixos"), wanted["owner"]
    parts = dataset.split("/")
    above = next((name for name in ("/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)) if name in seen.datasets), None)
    inherited = seen.datasets[above]["mountpoint"][0].rstrip("/") if above else "/" + parts[0]
    natural = f"{inherited}/{dataset[len(above or parts[0]) + 1 :]}"
    options = [f"{key}={value}" for key, value in nas.dataset_properties(wanted).items()]
    options += [] if nas.within(path, natural) else [f"mountpoint={path}"]
    commands = [f"sudo zfs create -p {''.join(f'-o {shlex.quote(option)} ' for option in options)}{shlex.quote(dataset)}"]
    if owner["user"] is not None:
        commands.append(f"sudo chown {owner['user']}:{owner['group']} {shlex.quote(path)}")
    if owner["mode"]:
        commands.append(f"sudo chmod {owner['mode']} {shlex.quote(path)}")
    return " && ".join(commands)


def gone(exports: Iterable[Mapping[str, Any]], seen: Seen, host: str) -> list[str]:
    """What was exported before and has lost its sentinel: a plain folder whose disk is probably not mounted, a dataset to read from that is empty now."""
    ours = {entry.path for entry in parse(seen.module or "")}
    found = []
    for export in exports:
        path = nas.nfs_path(export, "nixos")
        there = seen.folders.get(f"{export['name']} {path}")
        if path not in ours or there is None or there.sentinel:
            continue
        if not export.get("dataset"):
            command = " ; ".join(nas.sentinel_commands(export, "nixos"))
            text = f"{path} was exported before, and its sentinel is gone: a disk is probably not mounted."
            found.append(f"{host}, export {export['name']}: {text} Mount it; if the folder is right as it is, run {command}.")
        elif there.is_empty and nas.normalise(export)["access"] == "ro":
            text = f"{path} was exported before, and is empty now, without its sentinel: is {export['dataset']} the right dataset?"
            found.append(f"{host}, export {export['name']}: {text} Bring the photos back, then run again.")
    return found


def narrowed(exports: Iterable[Mapping[str, Any]], seen: Seen, host: str) -> list[Finding]:
    """What clients lose by the file that a rebuild writes, compared with the one that is there."""
    before = [entry for entry in parse(seen.module or "") if entry.path.startswith("/")]
    after = [entry for export in exports for entry in parse(nas.exports_line(export))]
    return [Finding(None, "warning", f"{host}: {text}", "export") for text in narrowing(before, after, seen.clients)]


def undone(seen: Seen, checkout: str, boots: str, units: str, host: str) -> Iterable[Finding]:
    """What will undo a rebuild: a nightly upgrade from elsewhere, or the next start. And units that nixos-rebuild complained of."""
    if seen.upgrade and seen.upgrade.partition("#")[0].removeprefix("path:").removeprefix("git+file://") != checkout and seen.upgrade != "its channel":
        text = f"{host}: nixos-upgrade.timer rebuilds it from {seen.upgrade}, which knows nothing of {checkout}, and takes the exports away again."
        yield Finding(None, "warning", f"{text} Set nas_nixos_mode: flake and commit the file there, or turn system.autoUpgrade off.", "nas")
    if boots:
        text = f"{host}: what runs is as declared, and the next start takes {boots}."
        yield Finding(None, "warning", f"{text} Run sudo nixos-rebuild boot on it.", "nas")
    if units:
        text = f"{host}: nixos-rebuild switch was done and complains of units that had failed before, {', '.join(units.split())}."
        yield Finding(None, "warning", f"{text} Look at systemctl status.", "nas")


def closed(host: str, address: str) -> Finding:
    """The NFS server listens and cannot be reached from here."""
    text = f"{host}: it listens on port 2049, and {address} does not answer there from here."
    how = "Look at networking.firewall on it (allowedTCPPorts = [ 2049 ]) and at what lies between, and whether the nodes of the cluster reach it."
    return Finding(None, "warning", f"{text} {how}", "nas")
