# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a library scan does to assets: the jobs of the `library` queue, and the nightly purge."""

from __future__ import annotations

import asyncio
import datetime
import os
import posixpath
import re
from typing import Any

from .globs import glob, glob_to_like, like
from .libraries import validate_import_path
from .server import Server, stamp

RAW = "3fr|ari|arw|cap|cin|cr2|cr3|crw|dcr|dng|erf|fff|iiq|k25|kdc|mrw|nef|nrw|orf|ori|pef|psd|raf|raw|rw2|rwl|sr2|srf|srw|x3f"
IMAGE = re.compile(rf".+\.(avif|bmp|gif|jpe?g|png|webp|heic|heif|hif|insp|jp2|jpe|jxl|mpo|svg|tiff?|{RAW})", re.IGNORECASE)
VIDEO = re.compile(r".+\.(3gpp?|avi|flv|insv|m2ts?|m4v|mkv|mov|mp4|mpe|mpe?g|mts|mxf|ts|vob|webm|wmv)", re.IGNORECASE)
BATCH = 10_000  # paths or assets per job


def media_type(path: str) -> str:
    """IMAGE or VIDEO by the extension; empty for what Immich does not import."""
    return "IMAGE" if IMAGE.fullmatch(path) else "VIDEO" if VIDEO.fullmatch(path) else ""


def modified(found: os.stat_result) -> str:
    return stamp(datetime.datetime.fromtimestamp(found.st_mtime, datetime.UTC))


def batches(items: list[Any]) -> list[list[Any]]:
    return [items[start:start + BATCH] for start in range(0, len(items), BATCH)]


def assets_of(server: Server, library_id: str) -> list[dict[str, Any]]:
    return [asset for asset in server.db["assets"].values() if asset["libraryId"] == library_id]


def library_of(server: Server, job: dict[str, Any]) -> dict[str, Any] | None:
    """The library of a job, gone or deleted in the meantime perhaps."""
    library = server.db["libraries"].get(job["id"])
    return library if library and not library["deletedAt"] else None


def stat_all(server: Server, paths: list[str]) -> dict[str, os.stat_result | None]:
    """What is there of these files; None for whatever reason it is not."""
    stats: dict[str, os.stat_result | None] = {}
    for path in paths:
        try:
            stats[path] = server.files.stat(path)
        except OSError:
            stats[path] = None
    return stats


def scan_all(server: Server, job: dict[str, Any]) -> None:
    for library in list(server.db["libraries"].values()):
        if library["deletedAt"]:
            server.jobs.add("LibraryDelete", {"id": library["id"]})
    for name in ("LibrarySyncFilesQueueAll", "LibraryScanAssetsQueueAll"):
        for library in server.db["libraries"].values():
            if not library["deletedAt"]:
                server.jobs.add(name, {"id": library["id"]})


async def crawl(server: Server, job: dict[str, Any]) -> None:
    """Find new files. An import path that is not valid is passed over; an empty folder is as valid as a full one."""
    library = library_of(server, job)
    if not library:
        return
    valid = [posixpath.normpath(path) for path in library["importPaths"] if not validate_import_path(server, path)]
    if not valid:
        return  # skipped: refreshedAt stays as it is
    exclusions = [glob(pattern, ignore_case=True) for pattern in library["exclusionPatterns"]]
    known = {asset["path"] for asset in assets_of(server, library["id"])}

    def walk() -> dict[str, None]:
        return {
            path: None  # two import paths may overlap
            for top in valid
            for path, _stat in server.files.walk(top, lambda path: any(pattern.fullmatch(path) for pattern in exclusions))
            if media_type(path) and path not in known
        }

    found = await asyncio.to_thread(walk)
    for paths in batches(list(found)):
        server.jobs.add("LibrarySyncFiles", {"id": library["id"], "paths": paths})
    library["refreshedAt"] = server.now()


async def import_files(server: Server, job: dict[str, Any]) -> None:
    library = library_of(server, job)
    if not library:
        return
    known = {asset["path"] for asset in assets_of(server, library["id"])}
    imported = 0
    for path, found in (await asyncio.to_thread(stat_all, server, job["paths"])).items():
        if path in known or found is None:
            continue
        asset = {
            "id": server.new_id(),
            "libraryId": library["id"],
            "ownerId": library["ownerId"],
            "path": path,
            "type": media_type(path),
            "size": found.st_size,
            "modified": modified(found),
            "createdAt": server.now(),
            "status": "active",
            "isExternal": True,  # not so the film of a motion photo, which Immich keeps in its own folders: no import path ever covers it
            "isOffline": False,
            "deletedAt": None,
        }
        server.db["assets"][asset["id"]] = asset
        imported += 1
    if imported:
        server.jobs.add("SidecarCheck", {}, count=imported)


def check_assets(server: Server, job: dict[str, Any]) -> None:
    """Take offline what no import path covers any more, then look at every other asset. It does not need the crawl to have worked."""
    library = library_of(server, job)
    assets = assets_of(server, job["id"])
    if not library or not assets:
        return
    # SQL prefixes: no slash at the end, wildcards in a path count, and no import path at all covers nothing
    covered = [like(path + "%") for path in library["importPaths"]]
    excluded = [like(glob_to_like(pattern)) for pattern in library["exclusionPatterns"]]
    for asset in assets:
        path = asset["path"]
        outside = not any(item.fullmatch(path) for item in covered) or any(item.fullmatch(path) for item in excluded)
        if outside and asset["isExternal"] and not asset["isOffline"]:
            asset |= {"isOffline": True, "deletedAt": server.now()}
    for chunk in batches([asset["id"] for asset in assets]):
        server.jobs.add("LibrarySyncAssets", {"id": library["id"], "assetIds": chunk})


async def check_files(server: Server, job: dict[str, Any]) -> None:
    """stat() each asset. Any error at all means offline, and in the trash."""
    library = library_of(server, job)
    if not library:
        return
    exclusions = [glob(pattern) for pattern in library["exclusionPatterns"]]
    changed = 0
    paths = [asset["path"] for asset in assets_of(server, library["id"])]
    stats = await asyncio.to_thread(stat_all, server, paths)
    for asset_id in job["assetIds"]:
        asset = server.db["assets"].get(asset_id)
        if not asset or asset["path"] not in stats:
            continue
        found = stats[asset["path"]]
        if found is None:
            if not asset["isOffline"]:
                asset["isOffline"] = True
                if asset["status"] == "active":
                    asset["deletedAt"] = server.now()
        elif asset["isOffline"]:
            inside = any(asset["path"].startswith(path) for path in library["importPaths"])
            if inside and not any(pattern.fullmatch(asset["path"]) for pattern in exclusions):
                asset["isOffline"] = False
                if asset["status"] == "active":  # what somebody put into the trash stays there
                    asset["deletedAt"] = None
        elif modified(found) != asset["modified"]:
            asset |= {"modified": modified(found), "size": found.st_size}
            changed += 1
    if changed:
        server.jobs.add("SidecarCheck", {}, count=changed)


def delete_library(server: Server, job: dict[str, Any]) -> None:
    """All assets of a deleted library leave the database; no file is touched."""
    server.db["assets"] = {name: asset for name, asset in server.db["assets"].items() if asset["libraryId"] != job["id"]}
    server.db["libraries"].pop(job["id"], None)


def purge_trash(server: Server, job: dict[str, Any]) -> None:
    """The nightly end of what is in the trash for too long; with the trash disabled, of all of it."""
    trash = server.config["trash"]
    limit = server.clock() - datetime.timedelta(days=trash["days"] if trash["enabled"] else 0)
    server.db["assets"] = {
        name: asset
        for name, asset in server.db["assets"].items()
        if not asset["deletedAt"] or datetime.datetime.fromisoformat(asset["deletedAt"]) > limit
    }
