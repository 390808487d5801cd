# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is fine stays quiet."""

from __future__ import annotations

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
