# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ReplicationSource: its trigger, and what VolSync says came of it."""

from __future__ import annotations

import re
from typing import Any

from ..immich.errors import ImmichError
from ..pod_api import Call

_PROCESSED = re.compile(r"^\s*processed (\d+) files", re.IGNORECASE | re.MULTILINE)
_SAVED = re.compile(r"^\s*snapshot (\S+) saved", re.IGNORECASE | re.MULTILINE)


class Replication:
    """VolSync backs up when the trigger changes, and is held by paused."""

    def __init__(self, call: Call, namespace: str, name: str) -> None:
        self._call, self._what = call, f"ReplicationSource {namespace}/{name}"
        self._path = f"/apis/volsync.backube/v1alpha1/namespaces/{namespace}/replicationsources/{name}"

    def status(self) -> dict[str, Any]:
        """What VolSync says."""
        return self._do("GET", None).get("status") or {}

    def start(self, token: str) -> None:
        """Let VolSync back up, once for this token."""
        self._do("PATCH", {"spec": {"paused": False, "trigger": {"manual": token}}})

    def hold(self) -> None:
        """Keep VolSync from trying again by itself, as it would for ever."""
        self._do("PATCH", {"spec": {"paused": True}})

    def _do(self, method: str, body: dict[str, Any] | None) -> dict[str, Any]:
        status, answer = self._call(method, self._path, body)
        if status != 200:
            raise ImmichError(f"{self._what} could not be {'read' if method == 'GET' else 'written'}: {status} {answer.get('message', '')}")
        return answer


def failed(status: dict[str, Any]) -> bool:
    """Whether the last mover that ended did so badly."""
    return (status.get("latestMoverStatus") or {}).get("result") == "Failed"


def said(status: dict[str, Any], lines: int = 5) -> str:
    """The last words of the mover, or what VolSync itself has to complain about."""
    logs = (status.get("latestMoverStatus") or {}).get("logs") or ""
    errors = [item.get("message", "") for item in status.get("conditions") or [] if item.get("reason") == "Error"]
    return " / ".join([*errors, *[line.strip() for line in logs.splitlines() if line.strip()][-lines:]]) or "nothing"


def result(status: dict[str, Any]) -> tuple[int | None, str | None]:
    """How many files the mover put into which snapshot; None where it does not say so."""
    logs = (status.get("latestMoverStatus") or {}).get("logs") or ""
    files, snapshot = _PROCESSED.findall(logs), _SAVED.findall(logs)
    return (int(files[-1]) if files else None), (snapshot[-1] if snapshot else None)
