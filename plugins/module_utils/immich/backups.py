# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's own database backups: what their list says, and what that proves."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .client import Client
from .errors import ImmichError

_LIST = {"backups": [{"filename": str, "filesize": (int, float)}]}
# what the server writes by itself, and cleans up: neither restore-point-... nor uploaded-...
_ROUTINE = re.compile(r"immich-db-backup-(?:(?P<stamp>\d{8}T\d{6})-v.*-pg.*|(?P<epoch>\d{10,16}))\.sql\.gz", re.ASCII)
# clocks differ; more than that, and a time in the future is in another time zone than it seems
_AHEAD = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class Backup:
    """One backup in the server's folder. `made` is None where the name says no time."""

    filename: str
    size: int
    made: datetime.datetime | None

    def shown(self, now: datetime.datetime) -> dict[str, Any]:
        """As a module returns it."""
        hours = None if self.made is None else round((now - self.made).total_seconds() / 3600, 2)
        return {"filename": self.filename, "size": self.size, "made": self.made and self.made.isoformat(), "age": hours}


def zone(name: str) -> datetime.tzinfo:
    """Find a time zone by name."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ImmichError(f"timezone {name!r} is not a time zone that this machine knows; write it like Europe/Berlin.") from None


def list_backups(api: Client, default_zone: datetime.tzinfo) -> list[Backup]:
    """List the backups that the server makes by itself, the newest first. Before v2.7 it does not say in which time zone their names are."""
    answer = api.get("/admin/database-backups", doing="list the database backups", shape=_LIST)
    return sorted(filter(None, (_backup(item, default_zone) for item in answer["backups"])), key=lambda item: item.filename, reverse=True)


def _backup(item: Mapping[str, Any], default_zone: datetime.tzinfo) -> Backup | None:
    match = _ROUTINE.fullmatch(item["filename"])
    if match is None:
        return None
    return Backup(item["filename"], int(item["filesize"]), _made(match, _zone_of(item.get("timezone"), default_zone)))


def _zone_of(name: Any, default: datetime.tzinfo) -> datetime.tzinfo:
    try:
        return zoneinfo.ZoneInfo(name) if isinstance(name, str) and name else default
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return default


def _made(match: re.Match[str], where: datetime.tzinfo) -> datetime.datetime | None:
    try:
        if match["stamp"]:
            return datetime.datetime.strptime(match["stamp"], "%Y%m%dT%H%M%S").replace(tzinfo=where)
        return datetime.datetime.fromtimestamp(int(match["epoch"]) / 1000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def fresh(backups: Iterable[Backup], max_age: float, now: datetime.datetime) -> Backup | None:
    """Find the newest backup, if it is not older than so many hours, and not empty."""
    for backup in backups:
        if backup.made is None or not backup.size:
            return None
        age = now - backup.made
        return backup if -_AHEAD <= age <= datetime.timedelta(hours=max_age) else None
    return None


def prove(before: Mapping[str, int], after: list[Backup], min_size: int) -> tuple[Backup, Backup | None, list[str]]:
    """
    Find the new backup and the last one before it; say what is proved. `before` is size by file name, `min_size` in percent of the last one.

    Raises ImmichError when something speaks against the backup.
    """
    new = [backup for backup in after if backup.filename not in before]
    if not new:
        raise ImmichError(
            "The backup job ended without a failed job, but the server lists no new backup; "
            "see the server's log, and whether it supports the version of PostgreSQL."
        )
    backup, proved = new[0], ["no job failed", "there is a new file", "the dump came to its end: the server gives a file its name only then"]
    if not backup.size:
        raise ImmichError(f"The new backup {backup.filename} is empty; see the server's log.")
    last = max(before, default=None)
    if last is None:
        return backup, None, proved
    if backup.size * 100 < before[last] * min_size:
        raise ImmichError(
            f"The new backup {backup.filename} has {backup.size} bytes, less than {min_size} % of the last one ({last}, {before[last]} bytes); "
            "see whether data is missing in Immich, or lower min_size if that is expected."
        )
    return backup, Backup(last, before[last], None), [*proved, f"its size is at least {min_size} % of that of the last one"]
