# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server's integrity checks found."""

from __future__ import annotations

from typing import Any

from .client import Client

TYPES = ("missing_file", "untracked_file", "checksum_mismatch")
_PAGE = 500
_REPORT = {"items": [{"id": str, "type": str, "path": str}]}


def summary(api: Client) -> dict[str, int]:
    """Count the findings by type."""
    answer = api.get("/admin/integrity/summary", doing="count the findings of the integrity checks", shape=dict.fromkeys(TYPES, int))
    return {kind: answer[kind] for kind in TYPES}


def findings(api: Client, kind: str, limit: int) -> list[dict[str, Any]]:
    """List the findings of one type, page by page, no more than the limit."""
    found: list[dict[str, Any]] = []
    query = {"type": kind}
    while True:
        query["limit"] = str(min(_PAGE, limit - len(found)))
        answer = api.get("/admin/integrity/report", doing=f"list the findings of type {kind}", shape=_REPORT, query=query)
        found += [{name: item[name] for name in ("id", "type", "path")} for item in answer["items"]]
        cursor = answer.get("nextCursor")
        if not answer["items"] or not isinstance(cursor, str) or len(found) >= limit:
            return found[:limit]
        query["cursor"] = cursor
