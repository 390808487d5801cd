# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron expressions: what a field stands for, and how far apart the times are. Pure functions."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

MONTHS = {name: number for number, name in enumerate(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1)}
DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
# name, lowest, highest, names of numbers; the seconds are CloudNativePG's alone
FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 6, DAYS),
)
_DAY_S = 86400
_NAMED = {"@hourly": 3600, "@daily": _DAY_S, "@midnight": _DAY_S, "@weekly": 7 * _DAY_S}
_NAMED |= {"@monthly": 31 * _DAY_S, "@yearly": 366 * _DAY_S, "@annually": 366 * _DAY_S}
_YEARS = 3


def values(text: str, low: int, high: int, names: Mapping[str, int]) -> set[int] | None:
    """The numbers that one field stands for; None when it is not a field."""
    numbers: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        start = low if span == "*" else _number(first, names)
        end = high if span == "*" or (slash and not dash) else _number(last, names) if dash else start
        width = int(step) if step.isdecimal() else 0 if slash else 1
        if start is None or end is None or not low <= start <= end <= high or width < 1:
            return None
        numbers.update(range(start, end + 1, width))
    return numbers


def _number(text: str, names: Mapping[str, int]) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else names.get(text.upper())


def longest_pause(expression: str) -> int:
    """The longest time between two runs in seconds, whatever the year; ValueError for what is no schedule."""
    if expression in _NAMED:
        return _NAMED[expression]
    given = expression.split()
    found = [values(field, low, high, names) for field, (_name, low, high, names) in zip(given, FIELDS[-len(given) :], strict=False)]
    if len(given) not in (5, 6) or not all(found):
        raise ValueError(f'"{expression}" is no schedule')
    minutes, hours, days, months, weekdays = found[-5:]
    times = sorted(hour * 3600 + minute * 60 for hour in hours or () for minute in minutes or ())
    within = max((later - sooner for sooner, later in zip(times, times[1:], strict=False)), default=0)
    overnight = times[0] - times[-1]  # and the days between
    start = datetime.date(2023, 1, 1)  # with a leap year
    both = given[-3] != "*" and given[-1] != "*"  # then either of the two days will do
    runs = [
        number
        for number in range(_YEARS * 366)
        if (day := start + datetime.timedelta(days=number)).month in (months or ())
        and (
            (day.day in (days or ()) or day.isoweekday() % 7 in (weekdays or ()))
            if both
            else day.day in (days or ()) and day.isoweekday() % 7 in (weekdays or ())
        )
    ]
    if len(runs) < 2:
        return _YEARS * 366 * _DAY_S
    return max(within, max((later - sooner) * _DAY_S for sooner, later in zip(runs, runs[1:], strict=False)) + overnight)
