# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NAS of every inventory that the design names: accepted as it is written, and what the role makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.filter.nixos_module import nixos_module
from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.plugins.module_utils.truenas.look import look
from ansible_collections.homelab.immich.plugins.module_utils.truenas.plan import plan
from ansible_collections.homelab.immich.plugins.module_utils.truenas.versions import dialect
from ansible_collections.homelab.immich.plugins.plugin_utils import preflight
from ansible_collections.homelab.immich.rehearsal.truenas.testing import Server

from .conftest import DEFAULTS, KNOWN

INVENTORIES = ("flux-dragonfly-smb", "homelab", "nixos-argocd", "synology-amd-gpu", "truenas-external-library", "truenas-flux-hpa")


@pytest.fixture(params=INVENTORIES)
def hosts(request: pytest.FixtureRequest, reference: Path) -> dict[str, dict[str, Any]]:
    """The hosts of the group nas."""
    return yaml.safe_load((reference / "design" / "inventories" / f"{request.param}.yml").read_text())["all"]["children"]["nas"]["hosts"]


def test_no_inventory_is_left_out(reference: Path) -> None:
    assert sorted(file.stem for file in (reference / "design" / "inventories").glob("*.yml")) == list(INVENTORIES)


def test_preflight_accepts_the_nas(hosts: dict[str, dict[str, Any]]) -> None:
    given = []
    for name, own in hosts.items():
        values = DEFAULTS["nas"] | own | {"inventory_hostname": name, "immich_rehearsal": True}  # example addresses are no fault in a rehearsal
        given.append(preflight.Given(name, "nas", values, frozenset(own), True, {}))
    assert [problem.text for problem in preflight.check(given, KNOWN) if problem.host in hosts] == []


def test_the_role_knows_what_to_do(hosts: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    for name, own in hosts.items():
        exports, provider = own["nas_exports"], nas.provider_of(own)
        if provider == "truenas":
            with Server(tmp_path, exports, name) as server, server.client() as api:
                again = plan(exports, look(api, exports), dialect("25.10"))
                assert (again.steps, again.refusals, again.warnings, again.sentinels_ok) == ([], [], [], True)
        elif provider == "nixos":
            lines = [line.strip() for line in nixos_module(exports, name).splitlines()]
            assert all(nas.exports_line(export) in lines for export in exports)
        else:
            nfs = [export for export in exports if export.get("protocol") != "smb"]
            assert [nas.sentinel_commands(export) for export in nfs] == [[f"sudo mkdir -p {one['path']}/.immich-guard/{one['name']}"] for one in nfs]
