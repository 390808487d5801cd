# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NAS for every test that wants one."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.homelab.immich.rehearsal.truenas.testing import API_KEY, Server


@pytest.fixture
def tank(tmp_path: Path) -> Iterator[Server]:
    """A TrueNAS that is as the default inventory declares it."""
    with Server(tmp_path) as server:
        yield server


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a module; what it printed, with its warnings under `warned`. It never prints the key."""
    warned: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda self, warning, **_options: warned.append(warning))

    def run(name: str, options: dict[str, Any], check: bool = False) -> dict[str, Any]:
        warned.clear()
        module = importlib.import_module(f"ansible_collections.homelab.immich.plugins.modules.{name}")
        with patch_module_args({**options, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        printed = capsys.readouterr()
        assert API_KEY not in printed.out + printed.err
        assert "Traceback" not in printed.out + printed.err
        return json.loads(printed.out) | {"warned": [*warned]}

    return run
