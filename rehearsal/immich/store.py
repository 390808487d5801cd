# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of a stand-in: one JSON file per identity, written whole and atomically."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

EMPTY: dict[str, Any] = {
    "version_history": [],  # [{id, createdAt, version}]
    "mount_checks": [],  # folders of the media location that carry a marker
    "media_location": None,
    "onboarded": False,
    "config": {},  # what differs from the defaults
    "users": {},
    "api_keys": {},
    "sessions": {},
    "libraries": {},
    "assets": {},
    "maintenance": None,  # {secret, action, ...} while only the maintenance worker runs
    "integrity": {},  # reports
    "paused": [],  # paused queues: kept by Redis on a real installation
}


class Database:
    """State that survives a restart; a name never seen before is an empty database."""

    def __init__(self, state_dir: Path, name: str) -> None:
        # a name may hold anything (a uid, a path): the digest keeps two that look alike apart
        readable = "".join(char if char.isalnum() or char in "-_." else "-" for char in name)[:60]
        self.file = state_dir / f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"
        self.state: dict[str, Any] = json.loads(json.dumps(EMPTY))
        if self.file.exists():
            self.state |= json.loads(self.file.read_text(encoding="utf-8"))

    def __getitem__(self, table: str) -> Any:
        return self.state[table]

    def __setitem__(self, table: str, value: Any) -> None:
        self.state[table] = value

    def save(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = self.file.with_suffix(".new")
        new.touch(mode=0o600, exist_ok=True)
        new.write_text(json.dumps(self.state, separators=(",", ":")), encoding="utf-8")
        os.replace(new, self.file)
