# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default inventory as dictionaries, to be spoilt one value at a time."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.plugin_utils import preflight
from ansible_collections.homelab.immich.plugins.plugin_utils.preflight import specs

CHECKOUT = Path(__file__).resolve().parents[3]
KNOWN = specs.read(CHECKOUT / "roles")


def _resolved(value: Any, variables: dict[str, Any]) -> Any:
    """Fill in plain {{ variable }} templates: enough for the default inventory."""
    if isinstance(value, dict):
        return {key: _resolved(entry, variables) for key, entry in value.items()}
    if isinstance(value, list):
        return [_resolved(entry, variables) for entry in value]
    return re.sub(r"{{ (\w+) }}", lambda match: str(variables[match[1]]), value) if isinstance(value, str) else value


def _homelab() -> dict[str, dict[str, dict[str, Any]]]:
    folder = CHECKOUT / "inventories" / "homelab"
    everything = yaml.safe_load((folder / "hosts.yml").read_text())["all"]
    shared = everything["vars"] | yaml.safe_load((folder / "group_vars" / "all" / "vault.yml").read_text())
    return {
        group: {name: _resolved(shared | own | {"inventory_hostname": name}, shared) for name, own in everything["children"][group]["hosts"].items()}
        for group in ("immich", "nas")
    }


def _defaults(group: str) -> dict[str, Any]:
    files = (CHECKOUT / "roles" / role / "defaults" / "main.yml" for role in specs.ROLES[group])
    return {key: value for path in files if path.is_file() for key, value in (yaml.safe_load(path.read_text()) or {}).items()}


HOMELAB = _homelab()
DEFAULTS = {group: _defaults(group) for group in specs.ROLES}


class Homelab:
    """One inventory under test: change photos, tank or hosts, then ask for errors()."""

    def __init__(self) -> None:
        self.groups = deepcopy(HOMELAB)
        self.limit: set[str] | None = None  # as with --limit
        self.broken: dict[str, dict[preflight.Path, preflight.Broken]] = {}

    @property
    def photos(self) -> dict[str, Any]:
        """The Immich instance."""
        return self.groups["immich"]["photos"]

    @property
    def tank(self) -> dict[str, Any]:
        """The NAS."""
        return self.groups["nas"]["tank"]

    @property
    def volumes(self) -> list[dict[str, Any]]:
        """media, thumbs, photos, models."""
        return self.photos["immich_volumes"]

    @property
    def exports(self) -> list[dict[str, Any]]:
        """photos, immich."""
        return self.tank["nas_exports"]

    @property
    def library(self) -> dict[str, Any]:
        """NAS photos."""
        return self.photos["immich_libraries"][0]

    def second_instance(self) -> dict[str, Any]:
        """Another instance with nothing in common with the first but the photos, which both only read."""
        other = deepcopy(self.photos)
        other |= {
            "inventory_hostname": "family",
            "immich_namespace": "immich-family",
            "immich_url": "https://family.example.net",
            "immich_ingress": [{"hosts": ["family.example.net"]}],
        }
        other["immich_volumes"] = [
            {"name": "media", "mount": "/data", "size": "1Ti", "storage_class": "longhorn"},
            {"name": "photos", "mount": "/mnt/photos", "size": "2Ti", "access": "ro", "nfs": {"export": "photos"}},
        ]
        self.groups["immich"]["family"] = other
        return other

    def problems(self) -> list[preflight.Problem]:
        """Everything that preflight says."""
        given = []
        for group, hosts in self.groups.items():
            for name, own in hosts.items():
                values = DEFAULTS[group] | own
                values = _resolved(values, values)
                taking_part = self.limit is None or name in self.limit
                given.append(preflight.Given(name, group, values, frozenset(own), taking_part, self.broken.get(name, {})))
        return preflight.check(given, KNOWN)

    def errors(self) -> list[str]:
        """The sentences of the errors."""
        return [problem.text for problem in self.problems() if not problem.warning]

    def warnings(self) -> list[str]:
        """The sentences of the warnings."""
        return [problem.text for problem in self.problems() if problem.warning]


@pytest.fixture
def homelab() -> Homelab:
    """The default inventory, which is without a fault."""
    return Homelab()
