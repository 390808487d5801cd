# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules see (an inventory) and what they say (problems)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]  # where a value is: ("immich_volumes", 2, "nfs")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, as one or two sentences for the person who wrote the inventory."""

    host: str
    text: str
    at: Path = ()  # the value it is about; the report shows its file and line
    others: tuple[str, ...] = ()  # further hosts that it is about
    warning: bool = False


@dataclass(frozen=True)
class Host:
    """A host as the rules see it: every known variable that is set and valid, and the defaults of the others."""

    name: str
    values: Mapping[str, Any]
    given: frozenset[str] = frozenset()  # what the inventory itself sets
    in_run: bool = True
    secrets: frozenset[Path] = frozenset()  # values that no message may show
    flaws: frozenset[Path] = frozenset()  # values that are wrong by themselves

    def get(self, variable: str, default: Any = None) -> Any:
        """The value of a variable; the default where it is unset or invalid."""
        value = self.values.get(variable)
        return default if value is None else value

    def sound(self, *at: str | int) -> bool:
        """Whether nothing is wrong with the value at a place, or in it; otherwise what seems to be missing may be there, misspelt."""
        return not any(flaw[: len(at)] == at for flaw in self.flaws)

    @property
    def rehearses(self) -> bool | None:
        """Whether nothing real is reached; None when immich_rehearsal does not say."""
        return bool(self.get("immich_rehearsal")) if self.sound("immich_rehearsal") else None

    def list(self, variable: str) -> Iterator[Item]:
        """The elements of a list of mappings, each with its place."""
        for index, value in enumerate(self.get(variable, [])):
            if isinstance(value, Mapping):
                yield Item(self.name, (variable, index), value)


@dataclass(frozen=True)
class Item:
    """One element of a list variable."""

    host: str
    at: Path
    value: Mapping[str, Any]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key; the default where it is unset or invalid."""
        value = self.value.get(key)
        return default if value is None else value

    def __str__(self) -> str:
        return label(self.at, self.value)

    def problem(self, text: str, *keys: str | int, warning: bool = False) -> Problem:
        """Say what is wrong with this element."""
        return Problem(self.host, f"{self}: {text}", self.at + keys, warning=warning)


@dataclass(frozen=True)
class Inventory:
    """All hosts of the groups nas and immich."""

    instances: tuple[Host, ...] = ()
    nas: tuple[Host, ...] = ()

    @property
    def hosts(self) -> tuple[Host, ...]:
        """Both groups; a host of both counts once per group."""
        return self.instances + self.nas


def label(at: Path, value: Any = None) -> str:
    """Write a place as people do: immich_volumes[2] (photos); value is the element, which has the name."""
    name = next((value[key] for key in ("name", "email") if isinstance(value.get(key), str)), "") if isinstance(value, Mapping) else ""
    return dotted(at) + (f" ({name})" if name else "")


def dotted(at: Path) -> str:
    """Write a path as an expression: hosts[1], scan.schedule."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")


def subject(at: Path, values: Mapping[str, Any]) -> str:
    """Name a place: immich_version, immich_run_as.uid, immich_volumes[2] (photos): nfs.export."""
    if len(at) < 2 or not isinstance(at[1], int):
        return dotted(at)
    element = label(at[:2], values[at[0]][at[1]])
    return f"{element}: {dotted(at[2:])}" if at[2:] else element


def did_you_mean(word: Any, known: Iterable[Any]) -> str:
    """A sentence that names the nearest known word, with a space in front; nothing when none is near."""
    text, words = str(word).lower(), {str(entry).lower(): str(entry) for entry in known}
    for near in difflib.get_close_matches(text, words, n=1, cutoff=0.75):
        same = sum(block.size for block in difflib.SequenceMatcher(None, near, text).get_matching_blocks())
        if len(text) + len(near) - 2 * same <= 4:  # long words with a common part are near by ratio alone
            return f" Did you mean {words[near]}?"
    return ""


def listed(words: Iterable[Any], nothing: str = "none") -> str:
    """Words with commas, in their order."""
    return ", ".join(str(word) for word in words) or nothing


def either(words: Iterable[Any]) -> str:
    """a, b or c."""
    *first, last = [str(word) for word in words]
    return f"{', '.join(first)} or {last}" if first else last
