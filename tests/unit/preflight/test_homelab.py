# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is fine stays quiet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import HOMELAB, KNOWN, Homelab


def test_the_default_inventory_has_no_problem(homelab: Homelab) -> None:
    assert homelab.problems() == []


def test_two_instances_that_only_read_the_same_photos_have_no_problem(homelab: Homelab) -> None:
    homelab.second_instance()
    assert homelab.problems() == []


VARIABLES = {name for group in HOMELAB.values() for host in group.values() for name in host if name.startswith(("immich_", "nas_"))}


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_each_variable_of_the_default_inventory_is_documented_once(variable: str) -> None:
    assert len([role for role, options in KNOWN.items() if variable in options]) == 1


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a value, itself included."""
    yield at
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(entry, (*at, key))


@pytest.mark.parametrize("value", [None, "", "no such thing", "/", 0, -1.5, True, [], [None], {}, {"name": None}], ids=repr)
def test_nonsense_anywhere_is_never_a_traceback(value: Any) -> None:
    for group, hosts in HOMELAB.items():
        for host, variables in hosts.items():
            for at in places(variables):
                if at:
                    homelab = Homelab()
                    parent: Any = homelab.groups[group][host]
                    for part in at[:-1]:
                        parent = parent[part]
                    parent[at[-1]] = value
                    homelab.problems()
