# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `zfs diff -FHt` says, and what it means to a library of Immich. Pure functions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from .guard.crawl import EXTENSIONS, SENTINELS, Rules, outermost
from .guard.manifest import Plan, shown

_EXAMPLES = 5
_KINDS = {"-": "removed", "+": "added", "M": "changed", "R": "renamed"}


class DiffError(ValueError):
    """A line that is none of `zfs diff`."""


class Entry(NamedTuple):
    """One line: what became of a file or folder, where it is, of a renamed one also where it was, and how many more names (hard links) it has."""

    what: str
    folder: bool
    path: str
    before: str = ""
    at: float = 0.0
    names: int = 0


def parse(lines: Iterable[str]) -> Iterator[Entry]:
    """Read the lines of `zfs diff -FHt`: time, what, type, path, and of what was renamed the new path, of what was changed the hard links: (+1), (-1)."""
    for line in lines:
        columns = line.rstrip("\n").split("\t")
        if len(columns) < 4 or columns[1] not in _KINDS or (columns[1] == "R" and len(columns) < 5):
            raise DiffError(f"zfs diff said {line!r}, which is not understood.")
        paths = [plain(text) for text in columns[3:]]
        at = float(columns[0]) if re.fullmatch(r"\d+\.\d+", columns[0]) else 0.0
        renamed = columns[1] == "R"
        links = re.fullmatch(r"\(([+-]\d+)\)", columns[4]) if columns[1] == "M" and len(columns) > 4 else None
        names = int(links[1]) if links else 0
        yield Entry(_KINDS[columns[1]], columns[2] == "/", paths[1] if renamed else paths[0], paths[0] if renamed else "", at, names)


def plain(text: str) -> str:
    """Read the path as it is: bytes that are not printable, and blanks, are octal numbers of four figures (\\0040), and names may be of no encoding."""
    raw = re.sub(rb"\\(0[0-3][0-7]{2})", lambda match: bytes([int(match[1], 8) & 0xFF]), text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def meaning(
    entries: Iterable[Entry], folders: Mapping[str, str], rules: Rules, files_below: Callable[[str], Iterable[str]], *, known: int, now: float
) -> Plan:
    """
    What a scan would make of the changes.

    `folders` says where an import path is on the NAS. Immich tells files apart by their path: a renamed one is lost, and a new one is there. Of a folder that
    was renamed only itself is named, so that `files_below` tells its files. `known` is how many assets there are.
    """
    places = sorted(folders.items(), key=lambda item: len(item[1]), reverse=True)

    def of_server(path: str) -> str | None:
        """The path as the server has it, if the file counts there."""
        for there, here in places:
            if f"{path}/".startswith(f"{here.rstrip('/')}/"):
                whole = there.rstrip("/") + path[len(here.rstrip("/")) :]
                return whole if _counts(whole, there, rules) else None
        return None

    removed: dict[str, None] = {}
    added: dict[str, float] = {}
    lost: list[str] = []
    moves: dict[str, str] = {}
    listed: set[str] = set()
    renamed: list[tuple[str, str]] = []

    def move(before: str, after: str, at: float) -> None:
        old, new = of_server(before), of_server(after)
        if old:
            removed[old] = None
        if new:
            added[new] = at
        if old and new:
            renamed.append((old, new))

    for entry in entries:
        listed.add(entry.path)
        if entry.folder:
            if entry.what == "renamed":
                moves[entry.path] = entry.before
            sentinel = entry.before or entry.path
            if entry.what in ("removed", "renamed") and os.path.basename(os.path.dirname(sentinel)) == SENTINELS:
                lost.append(sentinel)
        elif entry.what == "renamed":
            move(entry.before, entry.path, entry.at)
        elif entry.what == "removed" and (path := of_server(entry.path)):
            removed[path] = None
        elif entry.what == "added" and (path := of_server(entry.path)):
            added[path] = entry.at
        elif entry.names and (path := of_server(entry.path)):  # of a file with several names zfs tells one, and not which came or went
            several = {f"{path} ({number + 1} of its names)": entry.at for number in range(abs(entry.names))}
            added.update(several) if entry.names > 0 else removed.update(dict.fromkeys(several))
    for after in outermost(moves):
        for path in files_below(after):
            if path in listed:
                continue
            nearest = next(folder for folder in _upwards(path) if folder in moves)
            move(moves[nearest] + path[len(nearest) :], path, 0.0)
    # written anew under the same name: the same asset
    gone, new = [path for path in removed if path not in added], [path for path in added if path not in removed]
    gone.sort()
    new.sort()
    plan = Plan(known=known, found=max(0, known - len(gone)) + len(new), added=len(new), removed=len(gone))
    plan.renamed = len(renamed)
    plan.sentinels_lost = [shown(path) for path in lost]
    plan.removed_below = shown(os.path.commonpath([os.path.dirname(path) for path in gone])) if gone else ""
    plan.youngest = max((min(added[path], now) for path in new), default=0.0)
    plan.examples = {
        "added": [shown(path) for path in new[:_EXAMPLES]],
        "removed": [shown(path) for path in gone[:_EXAMPLES]],
        "unreadable": [],
        "renamed": [f"{shown(old)} -> {shown(new)}" for old, new in sorted(renamed)[:_EXAMPLES]],
    }
    return plan


def _counts(path: str, top: str, rules: Rules) -> bool:
    """Whether the crawler takes the file: its extension, its name and its folders."""
    below = path[len(top.rstrip("/")) + 1 :].split("/")
    stem, dot, extension = below[-1].rpartition(".")
    if not (dot and stem and extension.lower() in EXTENSIONS) or any(name.startswith(".") for name in below) or rules.drops(path):
        return False
    folder = top.rstrip("/")
    for name in below:
        folder = f"{folder}/{name}"
        if rules.skips(folder):
            return False
    return True


def _upwards(path: str) -> Iterator[str]:
    while path not in ("", "/"):
        path = os.path.dirname(path)
        yield path
