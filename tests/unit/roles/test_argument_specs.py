# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A variable has one default: defaults/main.yml and the documentation in argument_specs.yml say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted((Path(__file__).parents[3] / "roles").glob("*/meta/argument_specs.yml"))
roles = pytest.mark.parametrize("path", ROLES, ids=[path.parent.parent.name for path in ROLES])


def load(path: Path) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def options(path: Path) -> dict[str, dict[str, Any]]:
    return load(path)["argument_specs"]["main"].get("options") or {}


def walk(found: dict[str, dict[str, Any]], prefix: str = "") -> list[tuple[str, dict[str, Any]]]:
    return [item for name, option in found.items() for item in ((prefix + name, option), *walk(option.get("options") or {}, f"{prefix}{name}."))]


@roles
def test_defaults_are_those_of_the_documentation(path: Path) -> None:
    documented = {name: option["default"] for name, option in options(path).items() if "default" in option}
    assert documented == load(path.parents[1] / "defaults" / "main.yml")


@roles
def test_every_option_says_what_it_is(path: Path) -> None:
    for name, option in walk(options(path)):
        texts = option.get("description") or []
        texts = [texts] if isinstance(texts, str) else texts
        assert texts, f"{name} has no description"
        assert all(isinstance(text, str) for text in texts), f"a description of {name} is a mapping to YAML: quote it"
        assert option.get("type"), f"{name} has no type"
        assert not (option.get("required") and "default" in option), f"{name} is required and has a default"
        assert option["type"] != "list" or option.get("elements"), f"{name} does not say what it is a list of"
        if "choices" in option and "default" in option:
            chosen = option["default"] if option["type"] == "list" else [option["default"]]
            assert set(chosen) <= set(option["choices"]), f"the default of {name} is not among its choices"


def test_a_variable_is_documented_once() -> None:
    owners: dict[str, list[str]] = {}
    for path in ROLES:
        for name in options(path):
            owners.setdefault(name, []).append(path.parent.parent.name)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


def test_every_variable_of_a_template_is_documented() -> None:
    """No template reads a variable that nobody can know of."""
    import jinja2
    from jinja2 import meta, nodes

    class Anything(dict):  # filters and tests of Ansible are not those of plain Jinja
        def __contains__(self, name: object) -> bool:
            return True

        def get(self, name: str, default: Any = None) -> Any:
            return lambda *args, **kwargs: None

    environment = jinja2.Environment(trim_blocks=True, autoescape=True)
    environment.filters, environment.tests = Anything(), Anything()
    of_ansible = {"groups", "hostvars", "inventory_dir", "inventory_hostname", "lookup", "query"}
    known = {name for path in ROLES for name in options(path)} | of_ansible
    templates = sorted((Path(__file__).parents[3] / "roles").glob("*/templates/*.j2"))
    assert templates
    for path in templates:
        tree: nodes.Template = environment.parse(path.read_text())
        own = {node.name for node in tree.find_all(nodes.Name) if node.ctx in ("store", "param")}
        own |= {node.target for node in tree.find_all(nodes.Import)} | {node.name for node in tree.find_all(nodes.Macro)}
        unknown = {name for name in meta.find_undeclared_variables(tree) - own - known if not name.startswith("__immich_")}
        assert not unknown, f"{path}: {sorted(unknown)}"
