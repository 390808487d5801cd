# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run for real, against the stand-in for Immich."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.homelab.immich.plugins.module_utils.immich import client
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

DIALECTS = ["2.5.5", "3.1.0", "3.3.5"]
EMAIL, PASSWORD = "admin@example.net", "correct-horse-1"


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
        with patch_module_args({**options, "_ansible_check_mode": check, "_ansible_diff": True}), pytest.raises(SystemExit):
            module.main()
        output = capsys.readouterr().out
        return Result(json.loads(output), output, [*warnings])

    return run


@pytest.fixture(params=DIALECTS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server that was never set up, in each dialect."""
    photos = tmp_path / "photos"
    for folder in ("2023", "2024"):
        (photos / folder).mkdir(parents=True)
    with Server(request.param, {"/mnt/photos": photos}, tmp_path) as server:
        yield server


@dataclass
class Immich:
    """A server with an administrator and a key that may do everything, and ways to use both."""

    server: Server
    key: str
    run_module: Run

    def run(self, module_name: str, /, *, check: bool = False, **options: Any) -> Result:
        """Run a module with the key; in check mode nothing may be changed, which is checked every time."""
        before = len(self.server.mutations)
        result = self.run_module(module_name, check=check, **{"url": self.server.url, "api_key": self.key, **options})
        if check:
            assert self.server.mutations[before:] == []
        return result

    def log_in(self, module_name: str, /, *, check: bool = False, **options: Any) -> Result:
        """Run a module with e-mail address and password instead of the key."""
        return self.run(module_name, check=check, **{"api_key": None, "email": EMAIL, "password": PASSWORD, **options})

    @property
    def db(self) -> Any:
        return self.server.running.db


@pytest.fixture
def immich(fresh: Server, run_module: Run) -> Immich:
    """A server that was set up, in each dialect."""
    ready = Immich(fresh, "", run_module)
    assert ready.log_in("admin").changed
    ready.key = ready.log_in("api_key", name="tests", permissions=["all"])["secret"]
    fresh.requests.clear()
    return ready
