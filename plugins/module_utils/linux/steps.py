# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan for a Linux host is made of. Standard library only."""

from __future__ import annotations

import dataclasses
from typing import Any

from .exports import Entry


@dataclasses.dataclass(frozen=True)
class Step:
    """One change: a command, or a folder to make or to own. `before` and `after` are the diff."""

    kind: str  # create, set, folder, own, file, service, reload
    target: str
    values: tuple[Any, ...] = ()
    before: str = ""
    after: str = ""


@dataclasses.dataclass
class Plan:
    """What to do, or why not."""

    nas: str  # what messages call this host
    steps: list[Step] = dataclasses.field(default_factory=list)
    errors: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    warnings: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    entries: list[Entry] = dataclasses.field(default_factory=list)  # what the drop-in exports
    text: str = ""  # the drop-in
    sentinels: list[str] = dataclasses.field(default_factory=list)

    def refuse(self, message: str, export: str | None = None) -> None:
        """Say why nothing is done; `export` is a name, None for the whole host."""
        self.errors.append(self._finding(message, export, "error"))

    def warn(self, message: str, export: str | None = None) -> None:
        """Say what is left as it is, or what a person should know."""
        self.warnings.append(self._finding(message, export, "warning"))

    def _finding(self, message: str, export: str | None, severity: str) -> dict[str, Any]:
        where = f"{self.nas}, export {export}" if export else self.nas
        return {"export": export, "severity": severity, "message": f"{where}: {message}"}
