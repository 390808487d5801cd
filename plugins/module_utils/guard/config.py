# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard is told: once for the server, and the limits of each library."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
VIEWS = ("server", "mount", "zfs")
DEFAULT_MAX_REMOVED = "1%"


class ConfigError(ValueError):
    """Something that a guard was told cannot be; the message is one sentence."""


def allowed(limit: str, base: int) -> int:
    """How many of so many files a limit such as 100 or 0.5% lets go; a part of a file counts as one."""
    return math.ceil(base * float(limit[:-1]) / 100) if limit.endswith("%") else int(limit)


def seconds(option: str, text: object) -> int:
    """Read a time such as 90s, 10m, 26h or 2d; 0 is none."""
    match = re.fullmatch(r"(\d{1,9})([smhd])", str(text), re.ASCII)
    if match is None and str(text) != "0":
        raise ConfigError(f"{option} is {text!r}; write a number and its unit, such as 90s, 10m, 26h or 2d.")
    return int(match[1]) * _UNITS[match[2]] if match else 0


def _limit(text: object) -> str:
    value = str(text)
    match = re.fullmatch(r"\d{1,9}|(\d{1,3}(?:\.\d{1,6})?)%", value, re.ASCII)
    if match is None or (match[1] and float(match[1]) > 100):
        raise ConfigError(f"max_removed is {text!r}; write a count such as 100, or a percentage such as 0.5%.")
    return value


@dataclass(frozen=True)
class Quiet:
    """Hours of the day in which nothing is scanned."""

    begins: datetime.time
    ends: datetime.time

    def covers(self, now: datetime.time) -> bool:
        """Whether it is quiet now; hours may go past midnight."""
        if self.begins <= self.ends:
            return self.begins <= now < self.ends
        return now >= self.begins or now < self.ends


def quiet(option: str, given: object) -> tuple[Quiet, ...]:
    """Read hours such as 22:00-06:00, or a list of them; an hour is one of the clock on the wall, in summer and in winter."""
    hours = []
    for text in given if isinstance(given, list | tuple) else [given] if given else []:
        match = re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", str(text), re.ASCII)
        try:
            begins, ends = (datetime.time.fromisoformat(part) for part in match.groups()) if match else (None, None)
        except ValueError:
            begins = ends = None
        if begins is None or begins == ends:
            raise ConfigError(f"{option} is {text!r}; write when they begin and end, such as 22:00-06:00.")
        hours.append(Quiet(begins, ends))
    return tuple(hours)


@dataclass(frozen=True)
class Limits:
    """One library, and what a scan of it may do. Times are in seconds, 0 is no limit."""

    name: str
    owner: str = ""
    max_removed: str = DEFAULT_MAX_REMOVED
    min_files: int = 0
    max_age_of_backup: int = 0
    settle: int = 0
    quiet_hours: tuple[Quiet, ...] = ()

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Limits:
        """Read one entry of immich_libraries: its name, its owner, and what `scan` says. When it is scanned is not for the guard to know."""
        if not entry.get("name"):
            raise ConfigError("A library has no name; give the name that it has in Immich.")
        scan = {name: value for name, value in (entry.get("scan") or {}).items() if name != "schedule" and value is not None}
        known = set(cls.__dataclass_fields__) - {"name", "owner"}
        if unknown := sorted(set(scan) - known):
            raise ConfigError(f'scan of library "{entry["name"]}" has {", ".join(unknown)}; it may have {", ".join(sorted(known))}.')
        files = scan.get("min_files", 0)
        if isinstance(files, bool) or not isinstance(files, int) or files < 0:
            raise ConfigError(f"min_files is {files!r}; write how many files there are at least.")
        return cls(
            name=str(entry["name"]),
            owner=str(entry.get("owner") or "").strip().lower(),
            max_removed=_limit(scan.get("max_removed", DEFAULT_MAX_REMOVED)),
            min_files=files,
            max_age_of_backup=seconds("max_age_of_backup", scan.get("max_age_of_backup", 0)),
            settle=seconds("settle", scan.get("settle", 0)),
            quiet_hours=quiet("quiet_hours", scan.get("quiet_hours")),
        )


def libraries(entries: Iterable[Mapping[str, Any]]) -> list[Limits]:
    """Read immich_libraries; one that is to be absent is not scanned."""
    return [Limits.read(entry) for entry in entries if entry.get("state") != "absent"]


@dataclass(frozen=True)
class Config:
    """What a guard is told once."""

    # where it keeps the lists of files, what the brake changed, and its records
    memory: str
    view: str = "server"
    # with the view mount: where a folder of the server is on this machine, if not in the same place
    folders: Mapping[str, str] = field(default_factory=dict)
    # folders that are there only while the photos are, as the server sees them
    sentinels: tuple[str, ...] = ()
    # with the view zfs: what the file system says has changed since the last good scan, by library
    plans: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # with the view mount: where Immich keeps its own files, as the server sees it
    media: str = ""
    # the number of files that somebody accepted to lose, by library
    accept: Mapping[str, int] = field(default_factory=dict)
    brake: bool = True
    timezone: str = "UTC"
    # somebody wants the scan now
    in_quiet_hours: bool = False

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise ConfigError(f"view is {self.view!r}; it is server (ask Immich), mount (look at the folders from here) or zfs (as server, and ask the NAS).")
        if not self.memory.startswith("/"):
            raise ConfigError(f"memory is {self.memory!r}; give the absolute path of a folder that the guard may write to.")
        for path in (*self.sentinels, *self.folders, *self.folders.values()):
            if not path.startswith("/"):
                raise ConfigError(f"{path!r} in sentinels or folders is not absolute; write it like /mnt/photos.")
        for name, number in self.accept.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ConfigError(f'accept for "{name}" is {number!r}; write the number that the refusal named.')
