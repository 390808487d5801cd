# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What TrueNAS has for the exports that are declared: one listing for each kind of thing, and the folders of all exports at once."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from typing import Any

from ..nas import NOBODY, nfs_path, normalise, sentinel_places
from .client import CallError, TrueNAS

# The folders of Immich's media location. Immich leaves a file named .immich in each.
MEDIA_FOLDERS = ("backups", "encoded-video", "library", "profile", "thumbs", "upload")
_FOLDERS_SEARCHED = 50  # for a media location one level below the root of an export
_SERVICES = {"nfs": "nfs", "smb": "cifs"}
_PROPERTIES = ["readonly", "quota", "recordsize", "compression", "available", "encryption", "encryptionroot", "keyformat", "keystatus", "mountpoint"]


def place_of(export: Mapping[str, Any]) -> str:
    """The folder on the NAS that an export is."""
    return nfs_path(export, "truenas") if export["protocol"] == "nfs" else f"/mnt/{export['dataset']}"


def ancestors(dataset: str) -> list[str]:
    """The datasets above one, the nearest first, the pool last."""
    parts = dataset.split("/")
    return ["/".join(parts[:depth]) for depth in range(len(parts) - 1, 0, -1)]


def look(api: TrueNAS, exports: Iterable[Mapping[str, Any]], protocol: str) -> dict[str, Any]:
    """Everything that is to be known before something is planned. `exports` are all of one protocol."""
    wanted = [normalise(export) for export in exports]
    datasets = _datasets(api, {export["dataset"] for export in wanted})
    seen: dict[str, Any] = {
        "datasets": datasets,
        "shares": api.query(f"sharing.{protocol}.query", []),
        "service": (api.query("service.query", [["service", "=", _SERVICES[protocol]]]) or [{"state": "STOPPED", "enable": False}])[0],
        "protocols": api.call("nfs.config")["protocols"] if protocol == "nfs" else [],
        "tasks": api.query("pool.snapshottask.query", []) if any(export["snapshots"] for export in wanted) else [],
    }
    seen["users"], seen["groups"] = _accounts(api, wanted)
    seen["folders"] = _folders(api, wanted, datasets)
    lists = [(path, [], {"select": ["name"], "limit": 1}) for path in _unfinished(wanted, seen)]
    seen["empty"] = {params[0] for params, names in zip(lists, api.call_all("filesystem.listdir", lists), strict=True) if names == []}
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
        paths |= {f"{root}/{subpath}" for subpath in export["subpaths"]}
        children = [f"/mnt/{name}" for name in below(datasets, root)]
        paths |= {
            part for place in sentinel_places(export, "truenas", children) for part in (place, place.rpartition("/")[0], place.rpartition("/.immich-guard/")[0])
        }
    ordered = sorted(paths)
    return dict(zip(ordered, _stats(api, ordered), strict=True))


def _unfinished(wanted: list[dict[str, Any]], seen: Mapping[str, Any]) -> list[str]:
    """Folders that still belong to root though somebody else is declared: made by a run that was cut off, if they are empty."""
    owned = [export for export in wanted if export["owner"]["user"] is not None]
    places = [path for export in owned for path in (place_of(export), *(f"{place_of(export)}/{name}" for name in export["subpaths"]))]
    return [path for path in places if (folder := seen["folders"].get(path)) and folder["type"] == "DIRECTORY" and folder["uid"] == folder["gid"] == 0]


def _stats(api: TrueNAS, paths: list[str]) -> list[dict[str, Any] | None]:
    answers = api.call_all("filesystem.stat", [(path,) for path in paths])
    for answer in answers:
        if isinstance(answer, CallError) and answer.code not in (errno.ENOENT, errno.ENOTDIR):
            raise answer
    return [None if isinstance(answer, CallError) else answer for answer in answers]


def _markers(api: TrueNAS, path: str) -> list[str]:
    """The .immich files of a media location at this path, or in a folder right below it."""

    def folders(places: list[str], names: Iterable[str] = ()) -> list[str]:
        filters = [["type", "=", "DIRECTORY"]] + ([["name", "in", list(names)]] if names else [])
        options = {"select": ["name"], "limit": _FOLDERS_SEARCHED}
        answers = api.call_all("filesystem.listdir", [(f"{path}/{place}".rstrip("/"), filters, options) for place in places])
        return [
            f"{place}/{entry['name']}".lstrip("/") for place, found in zip(places, answers, strict=True) if not isinstance(found, CallError) for entry in found
        ]

    def marked(places: list[str]) -> list[str]:
        markers = [f"{place}/.immich" for place in places]
        return [marker for marker, there in zip(markers, _stats(api, [f"{path}/{marker}" for marker in markers]), strict=True) if there]

    return marked(folders([""], MEDIA_FOLDERS)) or marked(folders([name for name in folders([""]) if not name.startswith(".")], MEDIA_FOLDERS))
