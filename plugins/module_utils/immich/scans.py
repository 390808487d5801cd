# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans of external libraries: what speaks against one, and what it did, by the counts that tell the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .changes import PlanErrors
from .client import Client
from .errors import Forbidden, ImmichError

_VALIDATION = {"importPaths": [{"importPath": str, "isValid": bool}]}


def chosen(libraries: list[dict[str, Any]], emails: Mapping[str, str], wanted: Iterable[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Find the libraries by name, and owner where given; all that are missing or ambiguous at once. None is all of them. `emails` is by id."""
    if wanted is None:
        return libraries
    found: dict[str, dict[str, Any]] = {}
    errors = []
    for entry in wanted:
        name, owner = entry["name"], (entry.get("owner") or "").strip().lower()
        what = f'Library "{name}"' + (f" of {owner}" if owner else "")
        matches = [item for item in libraries if item["name"] == name and (not owner or emails.get(item["ownerId"]) == owner)]
        if len(matches) == 1:
            found[matches[0]["id"]] = matches[0]
        elif matches:
            each = ", ".join(f"{item['id']} of {emails.get(item['ownerId'], 'a deleted user')}" for item in matches)
            errors.append(f"{what} is there {len(matches)} times ({each}); {'' if owner else 'give owner, or '}rename one of them.")
        else:
            have = ", ".join(sorted(f'"{item["name"]}"' for item in libraries)) or "none"
            errors.append(f"{what} does not exist; the server has {have}.")
    if errors:
        raise PlanErrors(errors)
    return list(found.values())


def refusals(api: Client, library: Mapping[str, Any], what: str, total: int) -> list[str]:
    """Ask the server what a scan of this library would stumble over; each answer is a sentence."""
    paths = library["importPaths"]
    if not paths:
        return [f"{what} has no import path, so a scan would put all its {total} assets in the trash; give it its folders back."] if total else []
    doing = f"check the import paths of {what}"
    try:
        answer = api.post(f"/libraries/{library['id']}/validate", {"importPaths": paths}, doing=doing, shape=_VALIDATION)
    except Forbidden as error:
        raise ImmichError(
            f"{error} Only a key with the permission `all` may check import paths (purposes: [scan, validate]); give such a key, "
            "or set validate: false to scan unchecked."
        ) from error
    wrong = [f"{item['importPath']} ({item.get('message') or 'not valid'})" for item in answer["importPaths"] if not item["isValid"]]
    if not wrong:
        return []
    return [f"{what}: the server cannot read {', '.join(wrong)}, so a scan would trash the assets below; mount the folder, or correct the import path."]


def without_trash(api: Client) -> list[str]:
    """Whether what a scan trashes by mistake would be gone for good within a day."""
    features = api.get("/server/features", doing="see whether the trash is on", shape={"trash": bool})
    if features["trash"]:
        return []
    return ["The trash is off: what a scan does not find would be gone with its albums and faces the same night; set trash.enabled to true first."]


def counts(api: Client, owner_id: str) -> dict[str, int]:
    """Count a user's assets that are seen, and those in the trash. The counts of the libraries themselves do not show what a scan trashed."""
    result = {}
    for name, trashed in (("visible", "false"), ("trashed", "true")):
        path, doing = f"/admin/users/{owner_id}/statistics", "count the assets of a library's owner"
        result[name] = api.get(path, doing=doing, shape={"total": int}, query={"isTrashed": trashed})["total"]
    return result


def alarming(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Whether more than one in ten of the assets that were seen went into the trash."""
    return after["trashed"] - before["trashed"] > before["visible"] / 10
