# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of files that the last good scan found, and what has become of them since."""

from __future__ import annotations

import gzip
import heapq
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .crawl import Seen

_EXAMPLES = 5


class Damaged(Exception):
    """The list of the last scan cannot be read."""


@dataclass
class Plan:
    """What a scan would do. `known` is how many files the last good scan found; None where there was none."""

    known: int | None = None
    found: int = 0
    added: int = 0
    removed: int = 0
    # of those that were removed: not seen because something could not be looked at
    unreadable: int = 0
    # of those that were removed: there by another name, which only ZFS tells
    renamed: int = 0
    sentinels_lost: list[str] = field(default_factory=list)
    # the folder that holds all that is removed
    removed_below: str = ""
    # when the youngest of the files that were added came, in seconds since 1970
    youngest: float = 0.0
    examples: dict[str, list[str]] = field(default_factory=lambda: {"added": [], "removed": [], "unreadable": []})

    def shown(self) -> dict[str, Any]:
        """As a module returns it."""
        return {name: value for name, value in asdict(self).items() if name != "youngest"}


def write(path: Path, seen: Iterable[Seen]) -> Iterator[Seen]:
    """Pass on what is seen, and write down what counts on the way: a line each, compressed. Only when all went through is the list there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for item in seen:
            if not item.problem:
                file.write(f"{_escaped(item.path)}\n")
            yield item


def read(path: Path) -> Iterator[str]:
    """Read a list line by line."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            for line in file:
                yield _plain(line[:-1])
    except FileNotFoundError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged(f"{path} is damaged ({error}); remove it, and the next scan begins a new list") from error


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace("\n", "\\n") if "\\" in path or "\n" in path else path


def _plain(line: str) -> str:
    if "\\" not in line:
        return line
    return "\\".join(part.replace("\\n", "\n") for part in line.split("\\\\"))


def merged(walks: Iterable[Iterable[Seen]]) -> Iterator[Seen]:
    """Make one sorted walk of several, each file once."""
    last = ""
    for item in heapq.merge(*walks, key=lambda item: item.path):
        if item.path != last or item.problem:
            yield item
        last = item.path


def compare(known: Iterable[str] | None, seen: Iterable[Seen]) -> Iterator[tuple[str, Seen]]:
    """Go through both, each sorted: say what was "added", "removed", "unreadable" (known, but not to be looked at), "blind" (the place of that) or "kept"."""
    old = iter(known or ())
    path = next(old, None)
    hidden = ""
    for item in seen:
        while path is not None and path < item.path:
            yield _lost(path, hidden)
            path = next(old, None)
        if item.problem:
            yield "blind", item
            if item.path.endswith("/"):
                hidden = hidden if hidden and item.path.startswith(hidden) else item.path
            elif path == item.path:
                yield "unreadable", item
                path = next(old, None)
        elif path == item.path:
            yield "kept", item
            path = next(old, None)
        else:
            yield "added", item
    while path is not None:
        yield _lost(path, hidden)
        path = next(old, None)


def _lost(path: str, hidden: str) -> tuple[str, Seen]:
    return ("unreadable" if hidden and path.startswith(hidden) else "removed"), Seen(path)


def plan(known: Iterable[str] | None, seen: Iterable[Seen], now: float | None = None) -> Plan:
    """Count what a scan would do. Memory does not grow with the number of files."""
    result = Plan(known=None if known is None else 0)
    now = time.time() if now is None else now
    blind: dict[str, str] = {}
    for what, item in compare(known, seen):
        sentinel = item.path.endswith("/") and what != "blind"
        if what == "blind":
            if len(blind) < _EXAMPLES:
                blind[shown(item.path)] = item.problem
        elif sentinel:
            if what in ("removed", "unreadable"):
                result.sentinels_lost.append(shown(item.path[:-1]))
        else:
            result.known = None if result.known is None else result.known + (what != "added")
            result.found += what in ("added", "kept")
            result.added += what == "added"
            result.removed += what in ("removed", "unreadable")
            result.unreadable += what == "unreadable"
            if what == "added":
                # a clock ahead of ours cannot make a file that arrives for ever
                result.youngest = max(result.youngest, min(item.changed, now))
            if what in ("removed", "unreadable"):
                result.removed_below = _common(result.removed_below, os.path.dirname(shown(item.path)))
            kind = "removed" if what == "unreadable" else what
            if kind != "kept" and len(result.examples[kind]) < _EXAMPLES:
                result.examples[kind].append(shown(item.path))
    result.examples["unreadable"] = [f"{path} ({why})" for path, why in blind.items()]
    return result


def shown(path: str) -> str:
    """Write a path so that everything can print it: a name that is not UTF-8 with a sign in the place of what is not."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _common(one: str, other: str) -> str:
    return os.path.commonpath([one, other]) if one else other
