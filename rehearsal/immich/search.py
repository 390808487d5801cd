# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches for assets: how many, and which, by what a deployer asks of them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from .routes import Call, route
from .server import Server

_SIZE = 250


def visibility(asset: dict[str, Any]) -> str:
    """The film of a motion photo is hidden."""
    return asset.get("visibility") or ("timeline" if asset["isExternal"] or not asset["libraryId"] else "hidden")


def found(server: Server, call: Call) -> Iterator[dict[str, Any]]:
    """Only assets of the caller. Asking for offline ones, or for a time when they were trashed, includes those in the trash."""
    wanted = {name: value for name, value in call.body.items() if value is not None}
    deleted = wanted.get("withDeleted") or wanted.get("isOffline") or "trashedAfter" in wanted
    for asset in server.db["assets"].values():
        if asset["ownerId"] != call.user["id"] or (asset["deletedAt"] and not deleted):
            continue
        if "trashedAfter" in wanted and (asset["deletedAt"] or "") < wanted["trashedAfter"]:
            continue
        have = asset | {"visibility": visibility(asset)}
        if all(have[name] == wanted[name] for name in ("libraryId", "isOffline", "type", "visibility") if name in wanted):
            yield have


@route("POST", "/search/statistics", permission="asset.statistics", body="StatisticsSearchDto")
def search_statistics(server: Server, call: Call) -> dict[str, int]:
    return {"total": sum(1 for _asset in found(server, call))}


@route("POST", "/search/metadata", permission="asset.read", body="MetadataSearchDto")
def search_metadata(server: Server, call: Call) -> dict[str, Any]:
    """A page at a time."""
    size, page = call.body.get("size", _SIZE), int(call.body.get("page", 1))
    every = list(found(server, call))
    items = [shown(server, asset) for asset in every[(page - 1) * size : page * size]]
    following = str(page + 1) if len(every) > page * size else None
    none = {"total": 0, "count": 0, "items": [], "facets": []}
    return {"albums": none, "assets": none | {"total": len(items), "count": len(items), "items": items, "nextPage": following}}


def shown(server: Server, asset: dict[str, Any]) -> dict[str, Any]:
    """One asset; of what hangs on its content there is nothing here."""
    shown = {name: asset[name] for name in ("id", "ownerId", "libraryId", "type", "isOffline", "createdAt", "visibility")}
    shown |= {"originalPath": asset["path"], "originalFileName": posixpath.basename(asset["path"]), "isTrashed": bool(asset["deletedAt"])}
    shown |= dict.fromkeys(("fileCreatedAt", "fileModifiedAt", "localDateTime", "updatedAt"), asset["modified"])
    shown |= {"checksum": "", "thumbhash": None, "hasMetadata": True, "isFavorite": False, "isArchived": asset["visibility"] == "archive"}
    old = server.version < (3, 0, 0)
    shown |= {"duration": "0:00:00.00000", "deviceAssetId": "", "deviceId": "Library Import"} if old else {"duration": None}
    if server.version >= (2, 5, 0):
        shown |= {"isEdited": False, "width": None, "height": None}
    if server.version < (1, 136, 0):
        del shown["createdAt"]
    return shown
