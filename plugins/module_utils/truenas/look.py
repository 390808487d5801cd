# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What TrueNAS has for the exports that are declared: one listing for each kind of thing, and the folders of all exports at once."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..nas import NOBODY, nfs_path, normalise, sentinel_path, sentinel_places
from .client import CallError, TrueNAS

# The folders of Immich's media location. Immich leaves a file named .immich in each.
MEDIA_FOLDERS = ("backups", "encoded-video", "library", "profile", "thumbs", "upload")
_FOLDERS_SEARCHED = 50  # for a media location one level below the root of an export
SERVICES = {"nfs": "nfs", "smb": "cifs"}
_PROPERTIES = [
    "readonly",
    "casesensitivity",
    "quota",
    "recordsize",
    "compression",
    "available",
    "encryption",
    "encryptionroot",
    "keyformat",
    "keystatus",
    "mountpoint",
]


def place_of(export: Mapping[str, Any]) -> str:
    """The folder on the NAS that an export is."""
    return nfs_path(export, "truenas") if export["protocol"] == "nfs" else f"/mnt/{export['dataset']}"


def ancestors(dataset: str) -> list[str]:
    """The datasets above one, the nearest first, the pool last."""
    parts = dataset.split("/")
    return ["/".join(parts[:depth]) for depth in range(len(parts) - 1, 0, -1)]


def look(api: TrueNAS, exports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Everything that is to be known before something is planned."""
    wanted = [normalise(export) for export in exports]
    protocols = sorted({export["protocol"] for export in wanted})
    datasets = _datasets(api, {export["dataset"] for export in wanted})
    config = api.call("nfs.config") if "nfs" in protocols else {"protocols": [], "userd_manage_gids": False}
    services = api.query("service.query", [["service", "in", [SERVICES[protocol] for protocol in protocols]]])
    seen: dict[str, Any] = {
        "datasets": datasets,
        "shares": {protocol: api.query(f"sharing.{protocol}.query", []) for protocol in protocols},
        "services": {service["service"]: service for service in services},
        "protocols": config["protocols"],
        "manage_gids": config["userd_manage_gids"],
        "tasks": api.query("pool.snapshottask.query", []) if any(export["snapshots"] for export in wanted) else [],
    }
    seen["users"], seen["groups"] = _accounts(api, wanted)
    seen["folders"] = _folders(api, wanted, datasets)
    lists = [(path, [], {"select": ["name"], "limit": 1}) for path in _unfinished(wanted, seen)]
    seen["empty"] = {params[0] for params, names in zip(lists, api.call_all("filesystem.listdir", lists), strict=True) if names == []}
    lists = [(path, [], {"select": ["name"], "limit": 1}) for path in _unmarked(wanted, seen)]
    seen["lost"] = {params[0] for params, names in zip(lists, api.call_all("filesystem.listdir", lists), strict=True) if names == []}
    writable = [export for export in wanted if export["access"] == "rw" and seen["folders"].get(place_of(export))]
    seen["markers"] = {export["name"]: _markers(api, place_of(export)) for export in writable}
    return seen


def mounting(api: TrueNAS) -> list[dict[str, Any]]:
    """Who mounts something over NFS now: {address, path}; NFSv4 does not say which path."""
    found = [{"address": client["ip"], "path": client["export"]} for client in api.query("nfs.get_nfs3_clients", [])]
    for client in api.query("nfs.get_nfs4_clients", []):
        address, _colon, _port = str((client.get("info") or {}).get("address", "")).rpartition(":")
        found.append({"address": address.strip("[]"), "path": None})
    return [client for client in found if client["address"]]


def below(datasets: Mapping[str, Mapping[str, Any]], path: str) -> list[str]:
    """The file systems whose mount points are below a folder."""
    return sorted(name for name, entry in datasets.items() if entry["type"] == "FILESYSTEM" and f"/mnt/{name}".startswith(f"{path}/"))


def _datasets(api: TrueNAS, names: set[str]) -> dict[str, dict[str, Any]]:
    """The datasets with these names, all above them, and everything below them."""
    above = {parent for name in names for parent in ancestors(name)}
    branches = [["id", "in", sorted(names | above)], *(["id", "^", f"{name}/"] for name in sorted(names))]
    options = {"extra": {"properties": _PROPERTIES, "retrieve_user_props": False, "retrieve_children": False}}
    return {entry["id"]: entry for entry in api.query("pool.dataset.query", [["OR", branches]], options)}


def _accounts(api: TrueNAS, wanted: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The users and groups that exports name: TrueNAS wants names for those who are mapped, and we want numbers for owners."""
    known: list[list[dict[str, Any]]] = []
    for kind, method, key, number in (("user", "user.query", "username", "uid"), ("group", "group.query", "group", "gid")):
        mapped = {export[f"map_{kind}"] for export in wanted} | {NOBODY for export in wanted if export["squash"] == "all"}
        owners = {export["owner"][kind] for export in wanted if isinstance(export["owner"][kind], str)}
        names = sorted(name for name in mapped | owners if isinstance(name, str))
        numbers = sorted(name for name in mapped if isinstance(name, int))
        branches = [[key, "in", names]] * bool(names) + [[number, "in", numbers]] * bool(numbers)
        entries = api.query(method, [["OR", branches]] if len(branches) > 1 else branches, {"select": [key, number]}) if branches else []
        known.append([{"id": entry[number], "name": entry[key]} for entry in entries])
    return known[0], known[1]


def _folders(api: TrueNAS, wanted: list[dict[str, Any]], datasets: Mapping[str, Any]) -> dict[str, dict[str, Any] | None]:
    """What is at every path that matters: mount points of datasets and of those above, roots, subpaths, sentinels."""
    paths: set[str] = set()
    for export in wanted:
        root = place_of(export)
        paths |= {f"/mnt/{name}" for name in [export["dataset"], *ancestors(export["dataset"])]} | {root}
        paths |= {f"{root}/{part}" for subpath in export["subpaths"] for part in (subpath, *map(str, list(PurePosixPath(subpath).parents)[:-1]))}
        children = [f"/mnt/{name}" for name in below(datasets, root)]
        paths |= {*children, *sentinel_places(export, "truenas", children)}
    found = _stats(api, paths)
    # a folder that is there says the same of those above it; only where one is missing they matter by themselves
    return found | _stats(api, {above for path, folder in found.items() if folder is None for above in _above(path)} - set(found))


def _above(path: str) -> list[str]:
    return [str(parent) for parent in PurePosixPath(path).parents if len(parent.parts) > 2]


def _unfinished(wanted: list[dict[str, Any]], seen: Mapping[str, Any]) -> list[str]:
    """Folders that still belong to root though somebody else is declared: made by a run that was cut off, if they are empty."""
    owned = [export for export in wanted if export["owner"]["user"] is not None]
    places = [path for export in owned for path in (place_of(export), *(f"{place_of(export)}/{name}" for name in export["subpaths"]))]
    return [path for path in places if (folder := seen["folders"].get(path)) and folder["type"] == "DIRECTORY" and folder["uid"] == folder["gid"] == 0]


def _unmarked(wanted: list[dict[str, Any]], seen: Mapping[str, Any]) -> list[str]:
    """Folders that are shared for reading and have no sentinel: empty ones have lost what they held."""
    shared = {share["path"].rstrip("/") for shares in seen["shares"].values() for share in shares}
    places = {place_of(export): f"{place_of(export)}/{sentinel_path(export)}" for export in wanted if export["access"] == "ro"}
    return [path for path, sentinel in places.items() if path in shared and seen["folders"].get(path) and not seen["folders"].get(sentinel)]


def _stats(api: TrueNAS, paths: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    """What is at some paths; None where there is nothing."""
    ordered = sorted(paths)
    answers = [_unless_absent(answer) for answer in api.call_all("filesystem.stat", [(path,) for path in ordered])]
    return dict(zip(ordered, answers, strict=True))


def _unless_absent(answer: Any) -> Any:
    """An answer about a path; None when there is nothing at the path. Any other error is raised."""
    if isinstance(answer, CallError):
        if answer.code in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise answer
    return answer


def _markers(api: TrueNAS, path: str) -> list[str]:
    """The .immich files of a media location at this path, or in a folder right below it."""

    def folders(places: list[str], names: Iterable[str] = ()) -> list[str]:
        filters = [["type", "=", "DIRECTORY"]] + ([["name", "in", list(names)]] if names else [])
        options = {"select": ["name"], "limit": _FOLDERS_SEARCHED}
        answers = api.call_all("filesystem.listdir", [(f"{path}/{place}".rstrip("/"), filters, options) for place in places])
        return [f"{place}/{entry['name']}".lstrip("/") for place, found in zip(places, answers, strict=True) for entry in _unless_absent(found) or []]

    def marked(places: list[str]) -> list[str]:
        found = _stats(api, [f"{path}/{place}/.immich" for place in places])
        return [marker.removeprefix(f"{path}/") for marker, there in found.items() if there]

    return marked(folders([""], MEDIA_FOLDERS)) or marked(folders([name for name in folders([""]) if not name.startswith(".")], MEDIA_FOLDERS))
