# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stand-in is told about the server that it plays."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Mount:
    """A folder of this machine at a path of the container."""

    path: str
    folder: Path
    read_only: bool = False


@dataclass(frozen=True)
class Instance:
    """One Immich server: a change of any field is a restart, a new database is an empty server."""

    key: str
    version: str
    env: dict[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    database: str = "immich"


class NotReady(Exception):
    """The server does not answer, and why: a service proxy says 503 then."""
