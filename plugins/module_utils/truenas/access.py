# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether pods may do with an export what they have to, by the folders that are really there. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..nas_access import can
from .look import place_of

_NEW = {"user": 0, "group": 0, "mode": "0755"}  # a dataset without a declared owner


def in_their_way(export: Mapping[str, Any], users: Iterable[Mapping[str, Any]], seen: Mapping[str, Any]) -> Iterator[str]:
    """What keeps pods from reading or writing, one sentence each. Where an ACL decides, nothing is said."""
    for user in users:
        path = f"{place_of(export)}/{user.get('subpath') or ''}".rstrip("/")
        folder = seen["folders"].get(path)
        if folder and folder["acl"]:
            continue
        uid, gid, groups, action = user["uid"], user["gid"], user.get("groups") or [], "write" if user.get("write") else "read"
        owner = _owner(export, folder)
        answer = can(uid, gid, groups, export, action, owner=owner, nas_groups=[] if seen["manage_gids"] else None)
        if answer.allowed is not False:
            continue
        if seen["manage_gids"] and can(uid, gid, groups, export, action, owner=owner).allowed:
            yield (
                f"pods with uid {uid} may {action} at {path} by the groups {', '.join(map(str, groups))} alone, and the NFS service looks up "
                "the groups of a uid by itself (Support >16 groups). Turn that off, or change immich_run_as."
            )
        else:
            yield f"pods may not {action} at {path}: {answer.reason}. Change immich_run_as, or squash or owner of the export."


def _owner(export: Mapping[str, Any], folder: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Who owns a folder once the run is over."""
    declared = export["owner"]
    if folder and not (declared["enforce"] and declared["user"] is not None):
        return {"user": folder["uid"], "group": folder["gid"], "mode": f"{folder['mode'] & 0o7777:04o}"}
    return declared if declared["user"] is not None else _NEW
