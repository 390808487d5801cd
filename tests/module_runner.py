# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module in this process, as Ansible would, and read what it prints."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.homelab.immich.plugins.module_utils.immich import client


@dataclass
class Result:
    """What a module printed."""

    data: dict[str, Any]
    output: str
    warnings: list[str]

    @property
    def changed(self) -> bool:
        assert not self.failed, self.data["msg"]
        return self.data["changed"]

    @property
    def failed(self) -> bool:
        return self.data.get("failed", False)

    @property
    def message(self) -> str:
        """The error; there must be one, and it must be for a person."""
        assert self.failed, self.output
        assert "Traceback" not in self.output
        return self.data["msg"]

    @property
    def after(self) -> dict[str, Any]:
        """What the diff shows as new, by thing."""
        return {diff["before_header"]: diff["after"] for diff in self.data["diff"]}

    def __getitem__(self, key: str) -> Any:
        assert not self.failed, self.data["msg"]
        return self.data[key]


Run = Callable[..., Result]


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a module by name with options; check=True is check mode."""
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda self, warning, **_: warnings.append(warning))
    monkeypatch.setattr(client, "_FIRST_DELAY_S", 0.001)
    for name in ("IMMICH_URL", "IMMICH_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(module_name: str, /, *, check: bool = False, **options: Any) -> Result:
        module = importlib.import_module(f"ansible_collections.homelab.immich.plugins.modules.{module_name}")
        warnings.clear()
        task = {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_no_log": False}
        with patch_module_args(options | task), pytest.raises(SystemExit):
            module.main()
        output = capsys.readouterr().out
        return Result(json.loads(output), output, [*warnings])

    return run
