# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is fine stays quiet."""

from __future__ import annotations

import pytest
import yaml

from .conftest import CHECKOUT, HOMELAB, KNOWN, Homelab


def test_the_default_inventory_has_no_problem(homelab: Homelab) -> None:
    assert homelab.problems() == []


def test_two_instances_that_only_read_the_same_photos_have_no_problem(homelab: Homelab) -> None:
    homelab.second_instance()
    assert homelab.problems() == []


@pytest.mark.parametrize(
    "variable", sorted({name for group in HOMELAB.values() for host in group.values() for name in host if name.startswith(("immich_", "nas_"))})
)
def test_each_variable_of_the_default_inventory_is_documented_once(variable: str) -> None:
    assert [role for role, options in KNOWN.items() if variable in options] == [next(role for role in KNOWN if variable in KNOWN[role])]


def test_no_variable_is_documented_twice() -> None:
    documented = [variable for options in KNOWN.values() for variable in options]
    assert sorted(documented) == sorted(set(documented))


def test_defaults_and_specs_agree() -> None:
    differences = {}
    for role, options in KNOWN.items():
        path = CHECKOUT / "roles" / role / "defaults" / "main.yml"
        defaults = (yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}
        documented = {name: option["default"] for name, option in options.items() if "default" in option}
        if defaults != documented:
            differences[role] = (defaults, documented)
    assert differences == {}
