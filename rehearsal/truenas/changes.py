# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the methods that change something do, and what TrueNAS says when it does not take them. There is none that destroys."""

from __future__ import annotations

import errno
import ipaddress
from pathlib import PurePosixPath
from typing import Any

from .errors import CallRefused, Invalid
from .state import Host, furnish

_NFS = (
    "path",
    "aliases",
    "comment",
    "networks",
    "hosts",
    "ro",
    "maproot_user",
    "maproot_group",
    "mapall_user",
    "mapall_group",
    "security",
    "enabled",
    "expose_snapshots",
)
_SMB = ("purpose", "name", "path", "enabled", "comment", "browsable", "access_based_share_enumeration", "audit", "options")
_TASK = ("dataset", "recursive", "lifetime_value", "lifetime_unit", "enabled", "exclude", "naming_schema", "allow_empty", "schedule")
_PROPERTIES = ("quota", "recordsize", "compression", "readonly", "atime", "acltype", "aclmode", "casesensitivity", "comments")
_RECORD_SIZES = ("512", "512B", *(f"{1 << power}K" for power in range(10)), "1M", "2M", "4M", "8M", "16M")


def _only(data: Any, allowed: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Invalid([(where, "Input should be a valid dictionary")])
    unknown = [key for key in data if key not in allowed]
    if unknown:
        raise Invalid([(f"{where}.{key}", "Extra inputs are not permitted") for key in unknown])
    return data


def create_dataset(host: Host, data: Any) -> str:
    """A dataset, with those above it where `create_ancestors` says so."""
    _only(data, ("name", "type", "share_type", "create_ancestors", *_PROPERTIES), "data")
    state, name = host.read(), data["name"]
    where = "pool_dataset_create"
    if "/" not in name:
        raise Invalid([(f"{where}.name", "You need a full name, e.g. pool/newdataset")])
    above = [str(parent) for parent in PurePosixPath(name).parents[:-1]]
    known = next((parent for parent in above if parent in state["datasets"]), None)
    if known is None:
        raise Invalid([(f"{where}.name", "Please specify a pool which exists for the dataset/volume to be created")])
    if known != above[0] and not data.get("create_ancestors"):
        raise Invalid([(f"{where}.name", f"Parent dataset ({above[0]}) does not exist.")])
    if state["datasets"][known]["readonly"]:
        raise Invalid([(f"{where}.readonly", f"Turn off readonly mode on {known} to create {name.split('/')[0]}")])
    _check_properties(data, where)
    if name in state["datasets"] or host.on_disk(f"/mnt/{name}").exists():
        raise Invalid([(f"{where}.name", f"Path /mnt/{name} already exists")])
    if state["datasets"][known]["locked"]:
        raise Invalid([(f"{where}.name", f"{known} must be unlocked to create {name}.")])
    if state.get("full"):
        raise CallRefused(errno.EFAULT, f"Failed to create dataset: cannot create '{name}': out of space")
    for part in [*reversed(above), name]:
        state["datasets"].setdefault(part, {"mounted": True, "locked": False, "readonly": False})
    state["datasets"][name]["properties"] = {key: data[key] for key in ("quota", "recordsize", "compression") if key in data}
    state["datasets"][name]["share_type"] = data.get("share_type", "GENERIC")
    host.write(state)
    return name


def update_dataset(host: Host, name: Any, data: Any) -> str:
    """Properties of a dataset."""
    _only(data, _PROPERTIES, "data")
    state = host.read()
    if name not in state["datasets"]:
        raise CallRefused(errno.ENOENT, f"PoolDataset {name} does not exist")
    _check_properties(data, "pool_dataset_update")
    state["datasets"][name].setdefault("properties", {}).update(data)
    host.write(state)
    return name


def _check_properties(data: dict[str, Any], where: str) -> None:
    quota = data.get("quota")
    if quota not in (None, 0) and (not isinstance(quota, int) or quota < 1 << 30):
        raise Invalid([(f"{where}.quota", "Input should be greater than or equal to 1073741824")])
    if data.get("recordsize", "1M") not in _RECORD_SIZES:
        raise Invalid([(f"{where}.recordsize", f"{data['recordsize']!r} is an invalid recordsize.")])
    if not str(data.get("compression", "LZ4")).isupper():
        raise Invalid([(f"{where}.compression", "Input should be 'ON', 'OFF', 'LZ4', ...")])


def set_permissions(host: Host, data: Any, with_mode: bool) -> None:
    """Owner, group and mode of one folder. Nothing recursive is played."""
    method = "setperm" if with_mode else "chown"
    _only(data, ("path", "uid", "gid", "user", "group", "options", *(("mode",) if with_mode else ())), f"filesystem_{method}")
    options = data.get("options") or {}
    if with_mode and data.get("mode") is None and not options.get("stripacl"):
        raise Invalid([(f"filesystem_{method}", "Payload must either explicitly specify permissions or contain the stripacl option.")])
    state, path = host.read(), data["path"].rstrip("/")
    if len(PurePosixPath(path).parts) == 3:
        raise Invalid([(f"filesystem.{method}.path", f'The specified path is a ZFS pool mountpoint "({path})" ')])
    if not host.on_disk(path).exists():
        raise CallRefused(errno.ENOENT, f"Path {path} not found")
    if path in state.get("acls", []) and with_mode and not options.get("stripacl"):
        raise Invalid([("filesystem.setperm.mode", f'Non-trivial ACL present on [{path}]. Option "stripacl" required to change permission.')])
    if state.get("failing") == f"filesystem.{method}":
        raise CallRefused(errno.EIO, "Input/output error")
    owner = state["owners"].setdefault(path, {"uid": 0, "gid": 0, "mode": "0755"})
    owner |= {key: data[key] for key in ("uid", "gid") if data.get(key) is not None}
    if data.get("mode"):
        owner["mode"] = f"{int(data['mode'], 8):04o}"
    host.write(state)


def make_folder(host: Host, data: Any) -> str:
    """One folder, whose parent has to be there."""
    _only(data, ("path", "options"), "filesystem_mkdir")
    path = data["path"]
    folder = host.on_disk(path)
    if folder.exists():
        raise CallRefused(errno.EEXIST, f"{path}: path already exists.")
    if not folder.parent.exists():
        raise CallRefused(errno.ENOENT, f"[Errno 2] No such file or directory: '{path}'")
    state = host.read()
    if state.get("full"):  # no error of the middleware's own: it says what Python says
        raise CallRefused(errno.EINVAL, f"[Errno 28] No space left on device: '{path}'")
    folder.mkdir()
    state["owners"][path] = {"uid": 0, "gid": 0, "mode": f"{int((data.get('options') or {}).get('mode', '755'), 8):04o}"}
    host.write(state)
    return path


def write_nfs_share(host: Host, number: int | None, data: Any) -> int:
    """Create or update an NFS share, with the checks of the middleware."""
    _only(data, _NFS, "data")
    state, where = host.read(), f"sharingnfs_{'create' if number is None else 'update'}"
    old = _find(state["nfs_shares"], number, "NFSShare")
    share = {
        **{"comment": "", "networks": [], "hosts": [], "ro": False, "security": [], "enabled": True, "expose_snapshots": False},
        **dict.fromkeys(("maproot_user", "maproot_group", "mapall_user", "mapall_group")),
        **old,
        **data,
    }
    others = [other for other in state["nfs_shares"] if other["id"] != number and other["path"].rstrip("/") == share["path"].rstrip("/")]
    problems = [(f"{where}.networks", _wide(client)) for client in share["networks"] if client.endswith("/0")]
    problems = problems or [
        *_path_problems(host, state, share["path"], where),
        *_client_problems(share, others, where),
        *_mapping_problems(state, share, where),
    ]
    if problems:
        raise Invalid(problems)
    share["networks"] = [str(ipaddress.ip_network(client, strict=False)) for client in share["networks"]]
    share.pop("aliases", None)
    number = _put(state["nfs_shares"], number, share)
    host.write(state)
    if share["ro"]:
        furnish(host.on_disk(share["path"]), share["path"])
    return number


def write_smb_share(host: Host, number: int | None, data: Any, read_only: str) -> int:
    """Create or update an SMB share. `read_only` is what this version calls it."""
    _only(data, (*_SMB, read_only), "data")
    state, where = host.read(), f"sharingsmb_{'create' if number is None else 'update'}"
    share = {"comment": "", "enabled": True, "readonly": False, **_find(state["smb_shares"], number, "SMBShare"), **data}
    if read_only in data:
        share["readonly"] = share.pop(read_only)
    problems = _path_problems(host, state, share["path"], where)
    if any(other["id"] != number and other["name"].lower() == share["name"].lower() for other in state["smb_shares"]):
        problems.append((f"{where}.name", "Share with this name already exists."))
    if problems:
        raise Invalid(problems)
    number = _put(state["smb_shares"], number, share)
    host.write(state)
    return number


def write_snapshot_task(host: Host, number: int | None, data: Any) -> int:
    """Create or update a periodic snapshot task."""
    _only(data, (*_TASK, *(() if number is None else ("fixate_removal_date",))), "data")
    state = host.read()
    old = _find(state["snapshot_tasks"], number, "PeriodicSnapshotTask")
    task = {"lifetime_value": 2, "lifetime_unit": "WEEK", "enabled": True, **old, **{key: value for key, value in data.items() if key != "fixate_removal_date"}}
    task["schedule"] = {"minute": "00", "hour": "*", "dom": "*", "month": "*", "dow": "*", "begin": "00:00", "end": "23:59", **task.get("schedule", {})}
    if task["dataset"] not in state["datasets"]:
        raise Invalid([("periodic_snapshot_create.dataset", "Invalid dataset")])
    number = _put(state["snapshot_tasks"], number, task)
    host.write(state)
    return number


def update_nfs(host: Host, data: Any) -> None:
    """The configuration of the NFS service."""
    state = host.read()
    _only(data, tuple(state["nfs"]), "nfs_update")
    if data.get("protocols") == []:
        raise Invalid([("nfs_update.protocols", 'Must specify at least one value ("NFSV3", "NFSV4") in the "protocols" list.')])
    state["nfs"].update(data)
    host.write(state)


def change_service(host: Host, name: str, **fields: Any) -> int:
    """Whether a service runs, and starts with the NAS."""
    state = host.read()
    for service in state["services"]:
        if service["service"] == name:
            service.update(fields)
            host.write(state)
            return service["id"]
    raise CallRefused(errno.ENOENT, f"Service {name} not found.")


def _find(entries: list[dict[str, Any]], number: int | None, kind: str) -> dict[str, Any]:
    if number is None:
        return {}
    for entry in entries:
        if entry["id"] == number:
            return entry
    raise CallRefused(errno.ENOENT, f"{kind} {number} does not exist")


def _put(entries: list[dict[str, Any]], number: int | None, entry: dict[str, Any]) -> int:
    for index, old in enumerate(entries):
        if old["id"] == number:
            entries[index] = entry
            return old["id"]
    number = max([0, *(old["id"] for old in entries)]) + 1
    entries.append({"id": number} | entry)
    return number


def _wide(client: str) -> str:
    return f"Do not use {client} to represent all-networks.  No entry is required to configure 'allow everybody'.  Please remove {client}."


def _path_problems(host: Host, state: dict[str, Any], path: str, where: str) -> list[tuple[str, str]]:
    if not any(PurePosixPath(path).is_relative_to(f"/mnt/{name}") for name in state["datasets"]):
        return [(f"{where}.path", "The path must reside within a pool mount point")]
    if not host.on_disk(path).exists():
        return [(f"{where}.path", "This path does not exist.")]
    return []


def _client_problems(share: dict[str, Any], others: list[dict[str, Any]], where: str) -> list[tuple[str, str]]:
    problems = []
    networks = [ipaddress.ip_network(client, strict=False) for client in share["networks"]]
    for index, network in enumerate(networks):
        if any(network.version == other.version and network.overlaps(other) for other in networks[index + 1 :]):
            problems.append((f"{where}.networks", f"ERROR - Overlapped subnets: {network}"))
    for other in others:
        theirs = [ipaddress.ip_network(client, strict=False) for client in other["networks"]] or [ipaddress.ip_network("0.0.0.0/0")] * (not other["hosts"])
        for network in networks:
            if any(network.version == one.version and network.overlaps(one) for one in theirs):
                said = f"ERROR - This or another NFS share exports {share['path']} to {theirs[0]} and overlaps network {network}"
                problems.append((f"{where}.networks", said))
        problems += [
            (f"{where}.hosts", f"ERROR - Another NFS share already exports {share['path']} for host {name}")
            for name in share["hosts"]
            if name in other["hosts"]
        ]
    problems += [(f"{where}.hosts", f"Unable to resolve host '{name}'") for name in share["hosts"] if name.endswith(".invalid")]
    return problems


def _mapping_problems(state: dict[str, Any], share: dict[str, Any], where: str) -> list[tuple[str, str]]:
    problems = []
    users, groups = {user["username"] for user in state["users"]}, {group["group"] for group in state["groups"]}
    for kind in ("maproot", "mapall"):
        user, group = share[f"{kind}_user"], share[f"{kind}_group"]
        if group and not user:
            problems.append((f"{where}.{kind}_user", "This field is required when map group is specified"))
        if user and user not in users:
            problems.append((f"{where}.{kind}_user", f"User not found: {user}"))
        if user and group and group not in groups:
            problems.append((f"{where}.{kind}_group", f"Group not found: {group}"))
    if share["maproot_user"] and share["mapall_user"]:
        problems.append((f"{where}.mapall_user", "maproot_user disqualifies mapall_user"))
    return problems
