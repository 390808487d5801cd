# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of one thing on the server, and how that is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Change:
    """One thing before and after: None where it does not exist. Only the fields that this collection manages."""

    what: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    # fields whose values are never shown
    secret: frozenset[str] = field(default=frozenset())

    @property
    def changed(self) -> bool:
        """Whether anything becomes different."""
        return self.before != self.after

    @property
    def action(self) -> str:
        """What happens, in one word."""
        if not self.changed:
            return "unchanged"
        return "created" if self.before is None else "deleted" if self.after is None else "updated"

    def diff(self) -> dict[str, Any]:
        """Show before and after, only the fields that differ."""
        before, after = self.before or {}, self.after or {}
        names = [name for name in sorted({*before, *after}) if name not in before or name not in after or before[name] != after[name]]
        return {
            "before_header": self.what,
            "after_header": f"{self.what} ({self.action})",
            "before": {name: self._shown(name, before[name], HIDDEN) for name in names if name in before},
            "after": {name: self._shown(name, after[name], f"{HIDDEN} new") for name in names if name in after},
        }

    def _shown(self, name: str, value: Any, hidden: str) -> Any:
        return hidden if name in self.secret else value


@dataclass(frozen=True)
class Step:
    """One request; `doing` completes "Could not ..."."""

    method: str
    path: str
    body: Any
    doing: str


@dataclass(frozen=True)
class Plan:
    """A change, and the requests that make it."""

    change: Change
    steps: tuple[Step, ...] = ()


class PlanErrors(Exception):
    """What is wrong with what somebody wants, found before anything is sent."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(" ".join(errors))
        self.errors = errors
