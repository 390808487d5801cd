# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron expressions as Immich's cron library takes them: five fields, or six with seconds first."""

from __future__ import annotations

import re

FIELDS = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("dayOfMonth", 1, 31), ("month", 1, 12), ("dayOfWeek", 0, 7))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
PRESETS = ("@secondly", "@minutely", "@hourly", "@daily", "@weekly", "@weekdays", "@weekends", "@monthly", "@yearly")
PART = re.compile(r"(?:\*|\?|(\d+)(?:-(\d+))?)(?:/(\d+))?")


def fault(expression: str) -> str:
    """Why this is not a cron expression; empty when it is one."""
    text = expression.strip().lower()
    if text in PRESETS:
        return ""
    fields = text.split()
    if len(fields) > 6:
        return "Too many fields"
    if len(fields) < 5:
        return "Too few fields"
    for field, (name, low, high) in zip(fields, FIELDS[6 - len(fields):], strict=True):
        words = {word: str(index + 1) for index, word in enumerate(MONTHS)} if name == "month" else {word: str(index) for index, word in enumerate(DAYS)}
        if name in ("month", "dayOfWeek"):
            field = re.sub("|".join(words), lambda match, words=words: words[match[0]], field)
        for part in field.split(","):
            match = PART.fullmatch(part)
            if not match:
                return f"Field ({name}) cannot be parsed"
            first, last, step = (int(group) if group else None for group in match.groups())
            if step == 0:
                return f"Field ({name}) has a step of zero"
            if any(bound is not None and not low <= bound <= high for bound in (first, last)):
                return f"Field value ({part}) is out of range"
            if first is not None and last is not None and first > last:
                return f"Field ({name}) has an invalid range"
    return ""
