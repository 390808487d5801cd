# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of one library, and how that is said."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from .manifest import Plan

# what came of a library -> how the process ends; of several libraries the highest counts
EXIT_CODES = {
    "planned": 0,
    "scanned": 0,
    "watched": 0,
    "later": 3,
    "refused": 4,
    "failed": 5,
    "braked": 6,
    "unbraked": 7,
}


@dataclass
class Report:
    """What came of one library."""

    library: str
    owner: str
    outcome: str = "planned"
    message: str = ""
    plan: dict[str, Any] | None = None
    before: dict[str, int] | None = None
    after: dict[str, int] | None = None
    # how many assets the scan put into the trash, and how many it took out
    trashed: int = 0
    returned: int = 0
    # what is still in the trash, by why, where the caller may see it
    left: dict[str, dict[str, Any]] | None = None
    # what nobody looked at before the scan, because this view cannot
    unchecked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def what(self) -> str:
        """How messages call the library."""
        return f'library "{self.library}"' + (f" of {self.owner}" if self.owner else "")

    def shown(self) -> dict[str, Any]:
        """As a module returns it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For a person: what came of it first."""
        return [self.message, *(f"  {note}" for note in self.notes)]


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number of things."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def planned(plan: Plan) -> str:
    """What a scan would do, in a few words."""
    if plan.known is None:
        return f"{counted(plan.found, 'file')} found; there is no list of an earlier scan to compare with, so only their number counts"
    moved = f" ({plan.renamed:,} of both renamed or moved)" if plan.renamed else ""
    return f"{counted(plan.found, 'file')} found, {plan.added:,} new, {plan.removed:,} removed{moved}"


def removed(plan: Plan) -> str:
    """Where the files are that are gone, and what to make of it."""
    where = f"All that is gone was in {plan.removed_below}" if plan.removed_below else "Nothing is gone"
    sentences = [f"{where}, such as {plan.examples['removed'][0]}." if plan.examples["removed"] else f"{where}."]
    if plan.examples["unreadable"]:
        sentences.append(f"Not readable: {', '.join(plan.examples['unreadable'])}.")
    if plan.renamed:
        known = counted(plan.renamed, "file was", "files were")
        sentences.append(
            f"{known} renamed or moved, such as {plan.examples['renamed'][0]}: to Immich that is a lost one and a new one, without album and faces."
        )
    elif plan.added:
        new = counted(plan.added, "file is", "files are")
        sentences.append(f"{new} new: to Immich a renamed or moved file is a lost one and a new one, without album and faces.")
    return " ".join(sentences)


def acceptance(name: str, number: int) -> str:
    """How to let exactly this through, once."""
    return f"-e '{json.dumps({'immich_scan_accept': {name: number}}, ensure_ascii=False)}'"
