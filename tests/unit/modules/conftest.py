# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run for real, against the stand-in for Immich."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard import run as guard
from ansible_collections.homelab.immich.plugins.module_utils.immich import waiting
from ansible_collections.homelab.immich.rehearsal.immich import dialects
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from module_runner import Result, Run, run_module

__all__ = ["run_module"]  # a fixture

EMAIL, PASSWORD = "admin@example.net", "correct-horse-1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits looks often."""
    monkeypatch.setattr(waiting, "POLL_S", 0.01)


class Clock:
    """Five minutes pass at every sleep, and none in between."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += 300


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for what never comes gives up at once."""
    for place in (waiting, guard):
        monkeypatch.setattr(place, "time", Clock())


@pytest.fixture(params=dialects.DIALECTS)
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
