# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems as a person reads them on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from .model import Problem, listed


def render(errors: Sequence[Problem], origin: Callable[[Problem], str]) -> str:
    """All errors, numbered, by the hosts that they are about; each with the file and line of the value."""
    lines = [f"{_count(len(errors), 'error')} in the inventory. Nothing was changed."]
    number = 0
    for hosts, group in groupby(sorted(errors, key=lambda problem: (len(problem.others), problem.host)), key=lambda problem: (problem.host, *problem.others)):
        lines += ["", f"{listed(hosts)}:"]
        for problem in group:
            number += 1
            where = origin(problem)
            lines += [f"{number:3}. {problem.text}"] + ([f"     {where}"] if where else [])
    return "\n".join(lines)


def failed(errors: Sequence[Problem]) -> str:
    """The task's own message; the list stands above it."""
    return f"{_count(len(errors), 'error')} in the inventory, listed above. Nothing was changed."


def sentence(problem: Problem, several: bool) -> str:
    """One problem by itself, with the host where there are several."""
    return f"{listed((problem.host, *problem.others))}: {problem.text}" if several else problem.text


def passed(hosts: Iterable[str]) -> str:
    """What was checked."""
    names = list(hosts)
    return f"The variables of {listed(names)} are fine." if names else "No host of the groups nas and immich takes part."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
