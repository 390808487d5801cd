# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External libraries: which folders they show, and to whom they belong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from ansible_collections.homelab.immich.plugins.module_utils.guard.config import ConfigError, quiet, seconds
from ansible_collections.homelab.immich.plugins.module_utils.paths import parts, within

from ..model import Host, Inventory, Item, Problem, did_you_mean, listed
from .volumes import folder_of, media_location, media_volume, server_volumes

_LIMIT = re.compile(r"\d+|(\d+(\.\d+)?)%")


def import_paths(inventory: Inventory) -> Iterator[Problem]:
    """Each is an absolute folder under a volume of the server, and none of Immich's own."""
    for host in inventory.instances:
        location = media_location(host)
        for library, index, path in _paths(host):
            if wrong := _wrong_path(inventory, host, path, location):
                yield library.problem(f"import path {path} {wrong}", "import_paths", index)


def _wrong_path(inventory: Inventory, host: Host, path: str, location: str | None) -> str:
    """What is wrong with an import path; nothing when it is fine."""
    mounts = list(dict.fromkeys(str(volume.get("mount")) for volume in server_volumes(host)))
    clean = "/" + "/".join(part for part in parts(path) if part not in (".", ".."))
    if path != clean:
        return f"is not an absolute folder in its shortest form. Write it like {clean}."
    if location and within(path, location):
        return f"is in {location}, where Immich keeps its own files, and the server refuses it. Mount the photos elsewhere, such as /mnt/photos."
    if location and within(location, path):
        return f"contains {location}, where Immich keeps its own files. Name the folders of the photos."
    if not any(within(path, mount) for mount in mounts) and host.sound("immich_volumes"):
        return f"is under no volume of the server. Volumes mount {listed(mounts, 'nothing')}.{did_you_mean(path, mounts)}"
    if _is_media_by_another_name(inventory, host, path):
        return f"is the folder of the uploads in {location} by another mount, so each upload would appear twice. Keep photos and uploads apart."
    return ""


def no_overlap(inventory: Inventory) -> Iterator[Problem]:
    """A photo belongs to one library, unless somebody says otherwise."""
    for host in inventory.instances:
        paths = [(library, index, path) for library, index, path in _paths(host) if path.startswith("/")]
        for (first, _number, one), (second, index, other) in combinations(paths, 2):
            if not (within(one, other) or within(other, one)):
                continue
            if first is second:
                yield second.problem(f"import paths {one} and {other} overlap. Keep the outer one only.", "import_paths", index)
            elif not (first.get("allow_overlap") or second.get("allow_overlap")):
                yield second.problem(
                    f"import path {other} overlaps {one} of {first}, so photos would be imported twice. "
                    "Give each library folders of its own, or set allow_overlap: true if both are wanted.",
                    "import_paths",
                    index,
                )


def owners(inventory: Inventory) -> Iterator[Problem]:
    """A library belongs to somebody whom this inventory creates."""
    for host in inventory.instances:
        people = [str(email) for email in (host.get("immich_admin_email"), *(user.get("email") for user in host.list("immich_users"))) if email]
        sound = host.sound("immich_admin_email") and host.sound("immich_users")
        for library in host.list("immich_libraries"):
            owner = library.get("owner")
            if owner is not None and _owner(library) not in {email.lower() for email in people} and sound:
                near = did_you_mean(owner, people)
                yield library.problem(
                    f"owner {owner} is nobody whom this inventory creates. immich_admin_email and immich_users name {listed(people, 'nobody')}.{near}", "owner"
                )


def unique(inventory: Inventory) -> Iterator[Problem]:
    """Libraries are told apart by owner and name."""
    for host in inventory.instances:
        seen: dict[tuple[str, str], Item] = {}
        for library in host.list("immich_libraries"):
            identity = (_owner(library), str(library.get("name", "")))
            if all(identity) and identity in seen:
                other = f"immich_libraries[{seen[identity].at[1]}]"
                yield library.problem(f"{library.get('owner')} owns a library of this name in {other} already. Rename one.", "name")
            seen.setdefault(identity, library)
        for library in host.list("immich_libraries"):
            before = str(library.get("previous_name", ""))
            other = seen.get((_owner(library), before))
            if before and other is not None:
                yield library.problem(f"previous_name is {before}, the name of {other}. Name one that no library has any more.", "previous_name")


def limits(inventory: Inventory) -> Iterator[Problem]:
    """How many photos a scan may find missing: a count, or a percentage."""
    for host in inventory.instances:
        for library in host.list("immich_libraries"):
            limit = (library.get("scan") or {}).get("max_removed")
            if limit is None:
                continue
            match = _LIMIT.fullmatch(str(limit))
            if match is None or (match[1] and float(match[1]) > 100):
                yield library.problem(f"scan.max_removed is {limit}. Write a count such as 100, or a percentage such as 0.5%.", "scan", "max_removed")


def guard(inventory: Inventory) -> Iterator[Problem]:
    """The other limits of a scan, and the libraries that the variables of the guard name."""
    for host in inventory.instances:
        names = [str(library.get("name")) for library in host.list("immich_libraries")]
        for library in host.list("immich_libraries"):
            for option in ("max_age_of_backup", "settle"):
                try:
                    seconds(f"scan.{option}", (library.get("scan") or {}).get(option, "0"))
                except ConfigError as error:
                    yield library.problem(str(error).replace("; write", ". Write"), "scan", option)
            try:
                quiet("scan.quiet_hours", (library.get("scan") or {}).get("quiet_hours"))
            except ConfigError as error:
                yield library.problem(str(error).replace("; write", ". Write"), "scan", "quiet_hours")
        for variable in ("immich_scan_only", "immich_scan_accept"):
            for name in host.get(variable) or ():
                if name not in names and host.sound("immich_libraries"):
                    known = listed(names, "nothing")
                    yield Problem(host.name, f"{variable} names {name}, and immich_libraries has {known}.{did_you_mean(name, names)}", (variable,))
        accepted = host.get("immich_scan_accept") or {}
        for name, number in accepted.items() if isinstance(accepted, Mapping) else ():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                yield Problem(host.name, f"immich_scan_accept for {name} is {number}. Write the number that the refusal named.", ("immich_scan_accept",))


def _paths(host: Host) -> Iterator[tuple[Item, int, str]]:
    for library in host.list("immich_libraries"):
        for index, path in enumerate(library.get("import_paths", [])):
            # the folder of a library that goes may be gone already
            if isinstance(path, str) and library.get("state") != "absent":
                yield library, index, path


def _owner(library: Item) -> str:
    """Immich stores addresses in lower case."""
    return str(library.get("owner", "")).lower()


def _is_media_by_another_name(inventory: Inventory, host: Host, path: str) -> bool:
    """Whether the folder behind an import path is, contains or is in the folder behind the uploads."""
    media = media_volume(host)
    uploads = folder_of(inventory, media) if media is not None else None
    candidates = [volume for volume in server_volumes(host) if within(path, str(volume.get("mount")))]
    if uploads is None or not candidates:
        return False
    volume = max(candidates, key=lambda volume: len(parts(str(volume.get("mount")))))
    folder = folder_of(inventory, volume)
    if folder is None:
        return False
    below = parts(path)[len(parts(str(volume.get("mount")))) :]
    return folder._replace(parts=folder.parts + below).overlaps(uploads)


RULES = (import_paths, no_overlap, owners, unique, limits, guard)
