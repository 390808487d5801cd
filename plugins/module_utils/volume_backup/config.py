# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the backup of one volume is told."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_MAX_REMOVED = "10%"


class ConfigError(ValueError):
    """Something that it was told cannot be; the message is one sentence."""


def allowed(limit: str, base: int) -> int:
    """How many of so many files a limit such as 100 or 0.5% lets go; a part of a file counts as one."""
    return math.ceil(base * float(limit[:-1]) / 100) if limit.endswith("%") else int(limit)


def is_limit(text: object) -> bool:
    """Whether it is a count or a percentage."""
    match = re.fullmatch(r"\d{1,9}|(\d{1,3}(?:\.\d{1,6})?)%", str(text), re.ASCII)
    return match is not None and (match[1] is None or float(match[1]) <= 100)


@dataclass(frozen=True)
class Config:
    """One volume and one repository."""

    volume: str
    source: str  # the ReplicationSource
    mount: str
    repository: str
    memory: str  # the ConfigMap that keeps what the last good backup had
    sentinels: tuple[str, ...] = ()
    max_removed: str = DEFAULT_MAX_REMOVED
    accept: int = 0
    wait: float = 7 * 86400  # the first backup of a large library takes days

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Config:
        """Read the JSON that the role renders."""
        known = cls.__dataclass_fields__
        if unknown := sorted(set(given) - set(known)):
            raise ConfigError(f"{', '.join(unknown)} is not known.")
        if missing := [name for name in ("volume", "source", "mount", "repository", "memory") if not given.get(name)]:
            raise ConfigError(f"{' and '.join(missing)} is missing.")
        if not is_limit(given.get("max_removed", DEFAULT_MAX_REMOVED)):
            raise ConfigError(f"max_removed is {given['max_removed']!r}; write a count such as 100, or a percentage such as 10%.")
        return cls(**{**given, "sentinels": tuple(given.get("sentinels") or ())})
