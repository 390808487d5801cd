# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron expressions as calendar events of systemd. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from .cron import FIELDS
from .cron import values as field

NAMED = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *"}
# systemd's week begins on Monday
_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def calendar(expression: str, zone: str) -> list[str]:
    """
    A valid cron expression of five fields as OnCalendar of systemd: all of them together.

    It is two where both kinds of days are named, for cron then takes a day that is one of them, and systemd one that is both.
    """
    texts = NAMED.get(expression, expression).split()
    values = [field(text, low, high, names) for text, (_name, low, high, names) in zip(texts, FIELDS[1:], strict=True)]
    if None in values:
        raise ValueError(f"{expression!r} is no cron expression of five fields.")
    minutes, hours, days, months, weekdays = (value or set() for value in values)
    at = f"{_listed(hours, 24)}:{_listed(minutes, 60)}:00 {zone}"
    week = ",".join(name for number, name in enumerate(_WEEK, 1) if number % 7 in weekdays)
    any_day, any_weekday = _is_any(texts[2]), _is_any(texts[4])
    by_day = f"*-{_listed(months, 12)}-{_listed(days, 31)} {at}"
    by_weekday = f"{week} *-{_listed(months, 12)}-* {at}" if len(weekdays) < 7 else f"*-{_listed(months, 12)}-* {at}"
    if any_day and any_weekday:
        return [by_day]
    return [by_day] if any_weekday else [by_weekday] if any_day else [by_day, by_weekday]


def minutes_of_day(expression: str) -> set[int]:
    """When on a day it may come, in minutes since midnight."""
    minute, hour = NAMED.get(expression, expression).split()[:2]
    hours, minutes = (field(text, low, high, names) or set() for text, (_name, low, high, names) in zip((hour, minute), (FIELDS[2], FIELDS[1]), strict=True))
    return {60 * hour + minute for hour in hours for minute in minutes}


def _is_any(text: str) -> bool:
    """Whether a field of days leaves it to the other one, as Kubernetes reads it."""
    return any(part in ("*", "*/1") for part in text.split(","))


def _listed(numbers: Iterable[int], count: int) -> str:
    ordered = sorted(numbers)
    return "*" if len(ordered) == count else ",".join(f"{number:02}" for number in ordered)
