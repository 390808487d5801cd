# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a library is still in the trash after a scan, and why: by asset, and at most so many of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..immich.client import Client
from ..immich.errors import Forbidden
from .report import counted

EXAMPLES = 20
_SHOWN = 5
_TOTAL = {"total": int}
_PAGE = {"assets": {"items": [{"originalPath": str}]}}
# whenever it was trashed; without it, and for all but offline assets, a search leaves out what is in the trash
_TRASHED = {"trashedAfter": "1970-01-01T00:00:00.000Z"}
# why -> what to search for; releases differ in what they search through when no visibility is given
WHY: dict[str, tuple[dict[str, Any], ...]] = {
    "gone": ({"isOffline": True, "visibility": "timeline"}, {"isOffline": True, "visibility": "archive"}),
    "by_a_person": ({"isOffline": False, "visibility": "timeline"}, {"isOffline": False, "visibility": "archive"}),
    "films": ({"isOffline": True, "visibility": "hidden"},),
}
_NOUNS = {"films": ("film of a motion photo", "films of motion photos")}
_WORDS = {
    "gone": "{assets} whose file Immich does not find below the import paths ({paths}). Put the files back and scan again.",
    "by_a_person": "{assets} that a person put there ({paths}); no scan takes them out. Restore them in the web page if they are wanted.",
    "films": (
        "{assets} ({paths}). Those below an import path come back when their files do; those that Immich had made itself never "
        "do by a scan. The photos are not touched, and the film is in them still: once the purge has taken it, the job Extract metadata makes it anew."
    ),
}


def look(api: Client, library: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """Count what is still in the trash, and name some of it; None when the caller may not search, or is not the owner. At most eleven requests."""
    try:
        if api.get("/users/me", doing="see who asks", shape={"id": str})["id"] != library["ownerId"]:
            return None
        return {why: _of(api, library, searches) for why, searches in WHY.items()}
    except Forbidden:
        return None


def _of(api: Client, library: Mapping[str, Any], searches: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    count, paths = 0, []
    for search in searches:
        body = {"libraryId": library["id"], **_TRASHED, **search}
        here = api.post("/search/statistics", body, doing="count what is in the trash", shape=_TOTAL)["total"]
        count += here
        if here and len(paths) < EXAMPLES:
            page = api.post("/search/metadata", {**body, "withDeleted": True, "size": EXAMPLES - len(paths)}, doing="see what is in the trash", shape=_PAGE)
            paths += [item["originalPath"] for item in page["assets"]["items"]]
    return {"count": count, "paths": sorted(paths)}


def told(found: Mapping[str, Mapping[str, Any]] | None, owner: str) -> list[str]:
    """Say it, a sentence or two for each reason."""
    if found is None:
        return [
            f"Which assets are still in the trash, only {owner} can see, or a key of that user with the permissions asset.read, asset.statistics and user.read "
            "(purpose recovery)."
        ]
    notes = []
    for why, some in found.items():
        if some["count"]:
            more = some["count"] - min(len(some["paths"]), _SHOWN)
            paths = ", ".join(some["paths"][:_SHOWN]) + (f", and {more:,} more" if more else "")
            notes.append(f"Still in the trash: {_WORDS[why].format(assets=counted(some['count'], *_NOUNS.get(why, ('asset',))), paths=paths)}")
    return notes
