# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what an inventory says, before anything changes. Pure: no network, no files but the specs, no Ansible objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import rules, specs
from .model import Host, Inventory, Path, Problem, did_you_mean, subject

PREFIXES = ("immich_", "nas_")


class Broken(NamedTuple):
    """A template that failed."""

    what: str
    detail: str = ""  # what Ansible says, which may quote a value


@dataclass(frozen=True)
class Given:
    """What the inventory gives one host: its variables, templates resolved."""

    host: str
    group: str  # immich or nas
    values: Mapping[str, Any]
    named: frozenset[str]  # the variables that the inventory itself sets; the others are defaults of roles
    in_run: bool = True
    broken: Mapping[Path, Broken] = field(default_factory=dict)


def check(given: Sequence[Given], known: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    """All problems of the hosts that take part in the run; known is what specs.read returns."""
    problems: list[Problem] = []
    hosts: dict[str, list[Host]] = {"immich": [], "nas": []}
    every = {variable for options in known.values() for variable in options}
    for one in given:
        options = specs.options_of(one.group, known)
        checked = specs.Checked(one.host, options, {variable: one.values[variable] for variable in options if variable in one.values}, one.broken)
        for at, why in one.broken.items():
            detail = "" if not why.detail or any(at[: len(secret)] == secret for secret in checked.secrets) else f" {why.detail}"
            problems.append(Problem(one.host, f"{subject(at, one.values)} {why.what}{detail}", at))
        problems += unknown(one, every) + checked.problems
        kept = checked.values | {name: one.values[name] for name in ("ansible_host", "inventory_hostname") if name in one.values}
        flaws = frozenset(problem.at for problem in checked.problems) | frozenset(one.broken)
        hosts[one.group].append(Host(one.host, kept, one.named, one.in_run, frozenset(checked.secrets), flaws))
    inventory = Inventory(tuple(hosts["immich"]), tuple(hosts["nas"]))
    for rule in rules.RULES:
        problems += rule(inventory)
    taking_part = {one.host for one in given if one.in_run}
    return merged(problem for problem in problems if taking_part & {problem.host, *problem.others})


def unknown(one: Given, known: Iterable[str]) -> list[Problem]:
    """Variables that look like ours and are not."""
    known = set(known)
    internal = [name for name in sorted(one.named) if name.startswith(tuple(f"__{prefix}" for prefix in PREFIXES))]
    problems = [Problem(one.host, f"{name} is internal to this collection and cannot be set. Remove it.", (name,)) for name in internal]
    for name in sorted(name for name in one.named if name.startswith(PREFIXES) and name not in known):
        prefix = next(prefix for prefix in PREFIXES if name.startswith(prefix))
        near = did_you_mean(name.removeprefix(prefix), (entry.removeprefix(prefix) for entry in known if entry.startswith(prefix)))
        advice = near.replace("mean ", f"mean {prefix}") or " Rename or remove it; see docs/variables.md."
        problems.append(Problem(one.host, f"{name} is not a variable of this collection.{advice}", (name,)))
    return problems


def merged(problems: Iterable[Problem]) -> list[Problem]:
    """The same sentence about several hosts once, naming them all."""
    by_text: dict[tuple[str, bool], Problem] = {}
    for problem in problems:
        key = (problem.text, problem.warning)
        first = by_text.get(key)
        if first is None:
            by_text[key] = problem
        else:
            hosts = dict.fromkeys((*first.others, problem.host, *problem.others))
            others = tuple(host for host in hosts if host != first.host)
            by_text[key] = Problem(first.host, first.text, first.at, others, first.warning)
    return list(by_text.values())
