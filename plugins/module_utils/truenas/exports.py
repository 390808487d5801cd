# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What TrueNAS has for an export (`look`), and where that is not what was declared (`verify_export`)."""

from __future__ import annotations

import errno
import ipaddress
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from ..nas import NOBODY, client_network, nfs_path, normalise, sentinel_path, truenas_share
from .client import CallError, TrueNAS

# The folders of Immich's media location. Immich leaves a file named .immich in each.
MEDIA_FOLDERS = ("backups", "encoded-video", "library", "profile", "thumbs", "upload")
_FOLDERS_SEARCHED = 50  # for a media location one level below the root of an export
_ROOT = {"root": 0}
_SERVICES = {"nfs": ("nfs", "NFS"), "smb": ("cifs", "SMB")}
_UNITS = {"h": "HOUR", "d": "DAY", "w": "WEEK", "m": "MONTH", "y": "YEAR"}


def look(api: TrueNAS, exports: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What there is for each export: one call for each kind of thing however many exports, and a few for the folders of each."""
    wanted = [normalise(export) for export in exports]
    datasets = _datasets(api, {export["dataset"] for export in wanted})
    shares = {protocol: _shares(api, protocol) for protocol in {export["protocol"] for export in wanted}}
    services = {entry["service"]: entry for entry in api.query("service.query", [["service", "in", ["nfs", "cifs"]]])}
    protocols = api.call("nfs.config")["protocols"] if "nfs" in shares else []
    tasks = api.query("pool.snapshottask.query", []) if any(export["snapshots"] for export in wanted) else []
    users, groups = _accounts(api, wanted, shares.get("nfs", []))
    exported = {share["path"].rstrip("/") for share in shares.get("nfs", []) if share["enabled"]}
    return [
        _look_at(
            api,
            export,
            datasets,
            {
                "shares": [share for share in shares[export["protocol"]] if _is_share_of(share, export)],
                "service": _service(services, export["protocol"], protocols),
                "users": users,
                "groups": groups,
                "snapshot_tasks": [task for task in tasks if task["dataset"] == export["dataset"]],
            },
            exported,
        )
        for export in wanted
    ]


def verify_export(export: Mapping[str, Any], found: Mapping[str, Any], nas: str = "TrueNAS") -> list[dict[str, Any]]:
    """Where an export is not as declared: {export, severity, message} with the severity error or warning.

    Without its dataset nothing else can be said, so that is said alone.
    """
    wanted = normalise(export)
    findings: list[dict[str, Any]] = []

    def say(severity: str, message: str) -> None:
        findings.append({"export": wanted["name"], "severity": severity, "message": f"{nas}, export {wanted['name']}: {message}"})

    for message in _service_problems(found["service"]):
        findings.append({"export": None, "severity": "error", "message": f"{nas}: {message}"})
    if not found["service"]["enabled"] and found["service"]["running"]:
        message = f"the {found['service']['label']} service runs, but does not start with the NAS. Turn on Start Automatically in System > Services."
        findings.append({"export": None, "severity": "warning", "message": f"{nas}: {message}"})
    problem = _dataset_problem(wanted, found)
    if problem:
        say("error", problem)
        return findings
    if found["dataset"]["readonly"] and wanted["access"] == "rw":
        say("error", f"access is rw, but the dataset {wanted['dataset']} has readonly on. Set readonly to off on the dataset, or access: ro.")
    _verify_share(wanted, found, say)
    _verify_folder(wanted, found, say)
    _verify_snapshots(wanted, found, say)
    return findings


def share_squash(share: Mapping[str, Any], users: Mapping[str, int], groups: Mapping[str, int]) -> tuple[str, int | str, int | str]:
    """What the fields of an NFS share amount to: none, root or all, and who the squashed become."""

    if share.get("mapall_user") or share.get("mapall_group"):
        return "all", _number(share.get("mapall_user"), users), _number(share.get("mapall_group"), groups)
    user, group = _number(share.get("maproot_user"), users), _number(share.get("maproot_group"), groups)
    return ("none", 0, 0) if user == group == 0 else ("root", user, group)  # root alone as maproot_user still squashes the group


def _number(name: int | str | None, known: Mapping[str, int]) -> int | str:
    """The number of a user or group; nobody's for none, the name itself where nobody knows it."""
    return NOBODY if not name and name != 0 else name if isinstance(name, int) else known.get(name, name)


def _datasets(api: TrueNAS, names: set[str]) -> dict[str, dict[str, Any]]:
    """The datasets with these names, their pools, and everything below them."""
    branches = [["id", "in", sorted(names | {name.split("/")[0] for name in names})], *(["id", "^", f"{name}/"] for name in sorted(names))]
    options = {"extra": {"properties": ["readonly", "encryption", "encryptionroot", "keyformat", "keystatus", "mountpoint"], "retrieve_user_props": False}}
    return {entry["id"]: entry for entry in api.query("pool.dataset.query", [["OR", branches]], options)}


def _shares(api: TrueNAS, protocol: str) -> list[dict[str, Any]]:
    return api.query(f"sharing.{protocol}.query", [])


def _is_share_of(share: Mapping[str, Any], export: Mapping[str, Any]) -> bool:
    if export["protocol"] == "smb":
        return share["name"].lower() == export["share"].lower()
    return share["path"].rstrip("/") == nfs_path(export, "truenas")


def _accounts(api: TrueNAS, wanted: list[dict[str, Any]], shares: list[dict[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    """The numbers of the users and groups that shares and exports name."""
    known: list[dict[str, int]] = []
    for kind, method, key, number in (("user", "user.query", "username", "uid"), ("group", "group.query", "group", "gid")):
        names = {share.get(f"{mapped}_{kind}") for share in shares for mapped in ("maproot", "mapall")} | {export[f"map_{kind}"] for export in wanted}
        asked = sorted(name for name in names if isinstance(name, str) and name and name not in _ROOT)
        entries = api.query(method, [[key, "in", asked]], {"select": [key, number]}) if asked else []
        known.append(_ROOT | {entry[key]: entry[number] for entry in entries})
    return known[0], known[1]


def _service(services: Mapping[str, Mapping[str, Any]], protocol: str, nfs_protocols: list[str]) -> dict[str, Any]:
    name, label = _SERVICES[protocol]
    entry = services.get(name) or {}
    state = {"name": name, "label": label, "running": entry.get("state") == "RUNNING", "enabled": bool(entry.get("enable"))}
    return state | ({"protocols": nfs_protocols} if protocol == "nfs" else {})


def _look_at(api: TrueNAS, export: dict[str, Any], datasets: Mapping[str, dict[str, Any]], more: dict[str, Any], exported: set[str]) -> dict[str, Any]:
    """One export: what the listings say of it, and its folders."""
    mountpoint = f"/mnt/{export['dataset']}"
    path = nfs_path(export, "truenas") if export["protocol"] == "nfs" else mountpoint
    dataset = datasets.get(export["dataset"])
    found: dict[str, Any] = {
        "name": export["name"],
        "path": path,
        "pool": export["dataset"].split("/")[0] in datasets,
        "dataset": dataset and {"id": dataset["id"], "locked": bool(dataset.get("locked")), "readonly": (dataset.get("readonly") or {}).get("value") == "ON"},
        "mounted": None,
        "owner": None,
        "sentinel": None,
        "markers": [],
        "unexported_children": [
            child
            for child, entry in sorted(datasets.items())
            if export["protocol"] == "nfs" and entry["type"] == "FILESYSTEM" and f"/mnt/{child}".startswith(f"{path}/") and f"/mnt/{child}" not in exported
        ],
    } | more
    if not dataset or found["dataset"]["locked"]:
        return found
    root = _stat(api, mountpoint)
    found["mounted"] = bool(root and root["is_mountpoint"])
    if not found["mounted"]:
        return found
    place = root if path == mountpoint else _stat(api, path)
    if place and place["type"] == "DIRECTORY":
        found["owner"] = {key: place[key] for key in ("uid", "gid", "user", "group", "acl")} | {"mode": f"{place['mode'] & 0o7777:04o}"}
        sentinel = _stat(api, f"{path}/{sentinel_path(export)}")
        found["sentinel"] = bool(sentinel and sentinel["type"] == "DIRECTORY")
        if export["access"] == "rw":
            found["markers"] = _markers(api, path)
    return found


def _stat(api: TrueNAS, path: str) -> dict[str, Any] | None:
    try:
        return api.call("filesystem.stat", path)
    except CallError as error:
        if error.code == errno.ENOENT:
            return None
        raise


def _markers(api: TrueNAS, path: str) -> list[str]:
    """The .immich files of a media location at this path, or in a folder right below it."""

    def folders(at: str, names: Iterable[str] = ()) -> list[str]:
        filters = [["type", "=", "DIRECTORY"]] + ([["name", "in", list(names)]] if names else [])
        return [entry["name"] for entry in api.call("filesystem.listdir", at, filters, {"select": ["name"], "limit": _FOLDERS_SEARCHED})]

    media = folders(path, MEDIA_FOLDERS)
    markers = [f"{name}/.immich" for name in media if _stat(api, f"{path}/{name}/.immich")]
    if markers:
        return markers
    below = [f"{folder}/{name}" for folder in folders(path) if not folder.startswith(".") for name in folders(f"{path}/{folder}", MEDIA_FOLDERS)]
    return [f"{name}/.immich" for name in below if _stat(api, f"{path}/{name}/.immich")]


def _service_problems(service: Mapping[str, Any]) -> list[str]:
    label = service["label"]
    problems = []
    if not service["running"]:
        problems.append(f"the {label} service is stopped. Start it, and turn on Start Automatically, in System > Services.")
    if "protocols" in service and "NFSV4" not in service["protocols"]:
        problems.append(f"NFS serves {', '.join(service['protocols']) or 'nothing'}, and the cluster mounts NFSv4. Add NFSv4 to the protocols of the service.")
    return problems


def _dataset_problem(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    dataset = wanted["dataset"]
    if not found["pool"]:
        return f"there is no pool {dataset.split('/')[0]}. Import the pool, or correct dataset, which is {dataset}."
    if not found["dataset"]:
        return f"there is no dataset {dataset}. Create it, or correct dataset."
    if found["dataset"]["locked"]:
        return f"the dataset {dataset} is encrypted and locked, so clients see nothing of it. Unlock it."
    if not found["mounted"]:
        return f"the dataset {dataset} is not mounted, so clients see an empty folder in its place. Mount it before anything scans it."
    if not found["owner"]:
        return f"there is no folder {found['path']} in the dataset {dataset}. Create it, or correct path."
    return None


def _verify_share(wanted: dict[str, Any], found: Mapping[str, Any], say: Any) -> None:
    share, problem = _pick_share(wanted, found)
    if share is None:
        say("error", problem)
        return
    named = f"SMB share {wanted['share']}" if wanted["protocol"] == "smb" else f"NFS share of {found['path']}"
    if share.get("locked"):
        say("error", f"the {named} is locked with its dataset. Unlock the dataset.")
    read_only = bool(share.get("readonly", share.get("ro")))  # SMB: readonly since 25.10
    if read_only and wanted["access"] == "rw":
        say("error", f"access is rw, but the {named} is read-only. Turn off Read Only in the share, or set access: ro.")
    if not read_only and wanted["access"] == "ro":
        say("error", f"access is ro, but the {named} is writable. Turn on Read Only in the share, or set access: rw.")
    if wanted["protocol"] == "smb":
        if share["path"].rstrip("/") != found["path"]:
            say("error", f"the {named} is the folder {share['path']}, not {found['path']}. Correct the share, or dataset.")
        return
    if share.get("security") and "SYS" not in share["security"]:
        say("error", f"the {named} takes {', '.join(share['security'])} only, and pods mount with SYS. Add SYS to the security of the share.")
    _verify_squash(wanted, found, share, named, say)
    _verify_clients(wanted, share, named, say)


def _pick_share(wanted: dict[str, Any], found: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The one enabled share of an export, or why there is none. Several of a path are told apart by their clients."""
    what = f"SMB share {wanted['share']}" if wanted["protocol"] == "smb" else f"NFS share of {found['path']}"
    enabled = [share for share in found["shares"] if share["enabled"]]
    if not found["shares"]:
        return None, f"there is no {what}. Add it, or correct the export."
    if not enabled:
        return None, f"the {what} is disabled. Enable it."
    if len(enabled) > 1:
        serving = [share for share in enabled if any(_covers(have, client) for have in _clients(share) for client in wanted["clients"])]
        if len(serving) != 1:
            ids = ", ".join(str(share["id"]) for share in enabled)
            return None, f"{len(enabled)} NFS shares export {found['path']} (numbers {ids}). Keep one, or give them clients that tell them apart."
        enabled = serving
    return enabled[0], ""


def _verify_squash(wanted: dict[str, Any], found: Mapping[str, Any], share: Mapping[str, Any], named: str, say: Any) -> None:
    known = {"user": found["users"], "group": found["groups"]}
    for kind, names in known.items():
        name = wanted[f"map_{kind}"]
        if isinstance(name, str) and name not in names:
            say("error", f"map_{kind} is {name}, and TrueNAS has no such {kind}. Create it, or use one that is there.")
            return
    user, group = _number(wanted["map_user"], known["user"]), _number(wanted["map_group"], known["group"])
    want = ("none", 0, 0) if wanted["squash"] == "none" else (wanted["squash"], user, group)
    have = share_squash(share, known["user"], known["group"])
    if have == want:
        return
    changes = []
    for key, value in truenas_share(wanted).items():
        kind = key.partition("_")[2]
        if key != "ro" and (_number(share[key], known[kind]), not share[key]) != (_number(value, known[kind]), value is None):
            changes.append(f"{key} to {'nothing' if value is None else f'{kind} number {value}' if isinstance(value, int) else value}")
    say("error", f"squash is {_squash_text(want)}, but the {named} has {_squash_text(have)}. Set {' and '.join(changes)} in the share, or change the export.")


def _squash_text(squash: tuple[str, int | str, int | str]) -> str:
    kind, user, group = squash
    return kind if kind == "none" else f"{kind} ({user}:{group})"


def _verify_clients(wanted: dict[str, Any], share: Mapping[str, Any], named: str, say: Any) -> None:
    have, want = _clients(share), wanted["clients"]
    if not want:
        if not have:
            say("warning", f"everybody who reaches the NAS may mount the {named}. List the cluster's network as clients.")
        return
    if not have:
        say("warning", f"everybody who reaches the NAS may mount the {named}, not only {', '.join(want)}. Add the networks to the share.")
        return
    missing = [client for client in want if not any(_covers(network, client) for network in have)]
    extra = [network for network in have if not any(_covers(client, network) for client in want)]
    if missing:
        say("error", f"{', '.join(missing)} may not mount the {named}, which is for {', '.join(have)}. Add it to the share, or correct clients.")
    if extra:
        say("warning", f"{', '.join(extra)} may mount the {named} too. Remove it from the share, or add it to clients.")


def _clients(share: Mapping[str, Any]) -> list[str]:
    return [client_network(client) for client in [*(share.get("networks") or []), *(share.get("hosts") or [])]]


def _covers(outer: str, inner: str) -> bool:
    """Whether everybody in `inner` is in `outer`."""
    if outer in (inner, "*"):
        return True
    try:
        networks = ipaddress.ip_network(outer), ipaddress.ip_network(inner)
    except ValueError:
        return False
    return networks[0].version == networks[1].version and networks[1].subnet_of(networks[0])  # type: ignore[arg-type]


def _verify_folder(wanted: dict[str, Any], found: Mapping[str, Any], say: Any) -> None:
    path, have = found["path"], found["owner"]
    for kind, number in (("user", "uid"), ("group", "gid")):
        want = wanted["owner"][kind]
        if want is not None and want not in (have[number], have[kind]):
            name = f" ({have[kind]})" if have[kind] else ""
            say("warning", f"owner.{kind} is {want}, and {path} belongs to {number} {have[number]}{name}. It is left as it is.")
    mode = wanted["owner"]["mode"]
    if mode is not None and not have["acl"] and int(mode, 8) != int(have["mode"], 8):  # with an ACL the mode says little
        say("warning", f"owner.mode is {mode}, and {path} has {have['mode']}. It is left as it is.")
    for child in found["unexported_children"]:
        say("warning", f"the dataset {child} lies below and has no share of its own, so clients see an empty folder there. Share it too, or move it elsewhere.")
    if not found["sentinel"]:
        command = shlex.join(["sudo", "mkdir", "-p", f"{path}/{sentinel_path(wanted)}"])
        say("warning", f"the sentinel is missing, without which no scan is safe. Look whether {path} holds what it should, then run on the NAS: {command}")


def _verify_snapshots(wanted: dict[str, Any], found: Mapping[str, Any], say: Any) -> None:
    if not wanted["snapshots"]:
        return
    schedule, keep = wanted["snapshots"]["schedule"], str(wanted["snapshots"]["keep"])
    cron = [_cron_field(field) for field in schedule.split()]
    for task in found["snapshot_tasks"]:
        have = [_cron_field(task["schedule"][field]) for field in ("minute", "hour", "dom", "month", "dow")]
        if task["enabled"] and have == cron and (task["lifetime_value"], task["lifetime_unit"]) == (int(keep[:-1]), _UNITS[keep[-1]]):
            return
    say("warning", f"no enabled periodic snapshot task of {wanted['dataset']} runs at {schedule} and keeps {keep}. Add one in Data Protection.")


def _cron_field(field: str) -> str:
    """A field of a cron line without leading zeros: TrueNAS writes minute 00."""
    return str(int(field)) if str(field).isdecimal() else str(field)
