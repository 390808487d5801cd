# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vocabulary of ``nas_exports``: what one export means, whatever NAS it is on. Pure functions, standard library only.

Every function takes an export as the inventory has it, or as `normalise` returns it.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

PROTOCOLS = ("nfs", "smb")
ACCESS = ("rw", "ro")
SQUASH = ("none", "root", "all")
NOBODY = 65534  # anonuid and anongid of exports(5) when none is given
SENTINELS = ".immich-guard"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # it becomes a folder name
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.: -]*(/[A-Za-z0-9_.: -]+)*")
_MODE = re.compile(r"[0-7]{3,4}")
_KEEP = re.compile(r"[1-9][0-9]*[hdwmy]")
_MAX_GROUPS = 16  # sec=sys carries no more supplemental groups than this


def normalise(export: Mapping[str, Any]) -> dict[str, Any]:
    """The export with every key of the vocabulary present. What cannot have a default is None."""
    owner = export.get("owner") or {}
    return {
        "name": export["name"],
        "protocol": export.get("protocol") or "nfs",
        "dataset": export.get("dataset") or None,
        "path": export.get("path") or None,
        "share": export.get("share") or None,
        "access": export.get("access") or "rw",
        "squash": export.get("squash") or "root",
        "map_user": _identity(export.get("map_user")),
        "map_group": _identity(export.get("map_group")),
        "clients": [client_network(client) for client in export.get("clients") or []],
        "options": list(export.get("options") or []),
        "owner": {"user": _identity(owner.get("user")), "group": _identity(owner.get("group")), "mode": _mode(owner.get("mode"))},
        "address": export.get("address") or None,
        "snapshots": dict(export.get("snapshots") or {}) or None,
    }


def problems(export: Mapping[str, Any], provider: str = "none") -> list[str]:
    """What is wrong with an export by itself, one sentence each; the caller says which variable and index."""
    found = []
    if not isinstance(export.get("name"), str) or not _NAME.fullmatch(export["name"]):
        return [f"name is {export.get('name')!r}. Give each export a name of letters, digits, dots, dashes and underscores."]
    for key, choices in (("protocol", PROTOCOLS), ("access", ACCESS), ("squash", SQUASH)):
        if export.get(key) and export[key] not in choices:
            found.append(f"{key} is {export[key]}. Use {_either(choices)}.")
    if found:
        return found
    wanted = normalise(export)
    if wanted["dataset"] and not _DATASET.fullmatch(wanted["dataset"]):
        found.append(f"dataset {wanted['dataset']} is no ZFS name. Write pool/dataset, without a slash at either end.")
    if wanted["path"] and (not wanted["path"].startswith("/") or wanted["path"] != "/" and wanted["path"].endswith("/")):
        found.append(f"path {wanted['path']} is not absolute, or ends in a slash. Write it as the NAS exports it, for example /volume1/photos.")
    if wanted["protocol"] == "smb":
        if not wanted["share"]:
            found.append("protocol is smb and no share is named. Set share to the name of the SMB share.")
        found += [f"{key} has no meaning for SMB. Remove it." for key in ("squash", "map_user", "map_group", "clients", "options") if export.get(key)]
    elif wanted["share"]:
        found.append("share is set and protocol is nfs. Set protocol: smb, or use dataset or path.")
    elif not wanted["dataset"] and not wanted["path"]:
        found.append(f"neither dataset nor path is set. Set {'dataset' if provider == 'truenas' else 'dataset, or path,'} to what is exported.")
    if provider == "truenas" and not wanted["dataset"] and (wanted["path"] or wanted["share"]):
        found.append("dataset is not set. On TrueNAS every export has one: pool/dataset.")
    if provider == "truenas" and wanted["options"]:
        found.append("options are exports(5) options, which TrueNAS does not take. Remove them.")
    mapped = [key for key in ("map_user", "map_group") if wanted[key] is not None]
    if mapped and wanted["squash"] == "none":
        found.append(f"{' and '.join(mapped)} set, and squash is none, which maps nobody. Use squash: root or squash: all.")
    elif len(mapped) == 1:
        found.append(f"{mapped[0]} is set alone. Set map_user and map_group together.")
    mode = (export.get("owner") or {}).get("mode")
    if mode is not None and (isinstance(mode, int) or not _MODE.fullmatch(str(mode))):  # an unquoted 0750 reaches us as 488
        found.append(f'owner.mode is {mode}. Write the mode as a quoted octal number, for example "0750".')
    keep = (export.get("snapshots") or {}).get("keep")
    if keep is not None and not _KEEP.fullmatch(str(keep)):
        found.append(f"snapshots.keep is {keep}. Write a number and h, d, w, m or y, for example 30d.")
    return found


def provider_of(hostvars: Mapping[str, Any]) -> str:
    """What kind of NAS a host is."""
    return hostvars.get("nas_provider") or "none"


def export_address(hostvars: Mapping[str, Any], export: Mapping[str, Any]) -> str:
    """The server that clients mount from: the export's own address, or the address of the NAS."""
    return str(export.get("address") or hostvars.get("ansible_host") or hostvars["inventory_hostname"])


def nfs_path(export: Mapping[str, Any], provider: str = "none") -> str:
    """The path that clients mount, which is also where the folder is on the NAS."""
    if export.get("path"):
        return str(export["path"])
    if not export.get("dataset"):
        raise ValueError(f"Export {export['name']} has neither dataset nor path.")
    return ("/mnt/" if provider == "truenas" else "/") + str(export["dataset"])


def sentinel_path(export: Mapping[str, Any]) -> str:
    """The folder, relative to the root of the export, that says: this is that export, and it is mounted."""
    return f"{SENTINELS}/{export['name']}"


def client_network(client: Any) -> str:
    """A client in its normal form: networks and addresses as CIDR (192.0.2.7 is 192.0.2.7/32), host names as they are."""
    try:
        return str(ipaddress.ip_network(str(client), strict=False))
    except ValueError:
        return str(client)


def truenas_share(export: Mapping[str, Any]) -> dict[str, Any]:
    """Access and squash as the fields of a TrueNAS NFS share. TrueNAS wants names: whoever sends this resolves numbers first."""
    wanted = normalise(export)
    user, group = wanted["map_user"], wanted["map_group"]
    fields: dict[str, Any] = {"ro": wanted["access"] == "ro", "maproot_user": None, "maproot_group": None, "mapall_user": None, "mapall_group": None}
    if wanted["squash"] == "none":  # root alone as maproot_user still squashes: the group has to be root too
        fields |= {"maproot_user": "root", "maproot_group": "root"}
    elif wanted["squash"] == "all":
        fields |= {"mapall_user": NOBODY if user is None else user, "mapall_group": NOBODY if group is None else group}
    else:
        fields |= {"maproot_user": user, "maproot_group": group}
    return fields


@dataclasses.dataclass(frozen=True)
class Answer:
    """May somebody do something on an export? `allowed` is None when the inventory does not say enough."""

    allowed: bool | None
    reason: str  # half a sentence: "uid 0 arrives as 65534, and 1000:1000 0750 does not let it write"
    user: int | str | None = None  # who the NAS takes the caller for
    group: int | str | None = None


def can(uid: int, gid: int, groups: Iterable[int], export: Mapping[str, Any], action: str) -> Answer:
    """May a process with this uid, gid and supplemental groups `read`, `write` or `chown` at the root of the export?

    What the inventory declares decides: access, squash and owner. `read` and `write` include entering the folder.
    """
    if action not in ("read", "write", "chown"):
        raise ValueError(f"action is {action}. Use read, write or chown.")
    wanted = normalise(export)
    if action != "read" and wanted["access"] == "ro":
        return Answer(False, "the export is read-only")
    if wanted["protocol"] == "smb":
        if action == "chown":
            return Answer(False, "an SMB mount has the owner that the mount options give it")
        return Answer(None, "on SMB the account that mounts the share decides")
    user, group, all_groups = seen_as(uid, gid, groups, wanted)
    who = f"uid {uid} arrives as {user}" if user != uid else f"uid {uid}"
    if user == 0:
        return Answer(True, f"{who}, which is not squashed", user, group)
    if action == "chown":
        return Answer(False, f"{who}, and only an unsquashed root may change owners", user, group)
    owner = wanted["owner"]
    if owner["user"] is None or owner["group"] is None:
        return Answer(None, f"{who}, and the export declares no owner", user, group)
    if any(isinstance(name, str) for name in (owner["user"], owner["group"], user, group)) and user != owner["user"]:
        return Answer(None, f"{who}, and the numbers of owner {owner['user']}:{owner['group']} are not known here", user, group)
    mode = owner["mode"] or "0755"
    digit = int(mode[-3] if user == owner["user"] else mode[-2] if owner["group"] in all_groups else mode[-1])
    needed = 0o5 if action == "read" else 0o7
    allowed = digit & needed == needed
    return Answer(allowed, f"{who}, and {owner['user']}:{owner['group']} {mode} {'lets' if allowed else 'does not let'} it {action}", user, group)


def seen_as(uid: int, gid: int, groups: Iterable[int], export: Mapping[str, Any]) -> tuple[int | str, int | str, set[int | str]]:
    """Who the NAS takes an NFS client's process for: user, group, and all groups, after squashing as nfsd does it."""
    wanted = normalise(export)
    anonymous_user = NOBODY if wanted["map_user"] is None else wanted["map_user"]
    anonymous_group = NOBODY if wanted["map_group"] is None else wanted["map_group"]
    sent: list[int | str] = [gid, *list(groups)[:_MAX_GROUPS]]
    if wanted["squash"] == "all":
        return anonymous_user, anonymous_group, {anonymous_group}
    if wanted["squash"] == "root":  # nfsd squashes uid 0, gid 0 and group 0 each on its own
        mapped = [anonymous_group if number == 0 else number for number in sent]
        return (anonymous_user if uid == 0 else uid), mapped[0], set(mapped)
    return uid, gid, set(sent)


def _identity(value: Any) -> int | str | None:
    """A uid or gid as a number where it is one, else a name."""
    if value is None or value == "":
        return None
    return int(value) if str(value).isdecimal() else str(value)


def _mode(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _either(choices: Iterable[str]) -> str:
    *first, last = choices
    return f"{', '.join(first)} or {last}"
