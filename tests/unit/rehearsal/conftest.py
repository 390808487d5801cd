# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the rehearsal share."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.rehearsal import processes, progress, state


class Heard(progress.Progress):
    """A progress that keeps what it says."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        super().__init__(self.lines.append)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where nothing was built and nothing runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("IMMICH_REHEARSAL", "KUBEBUILDER_ASSETS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cache" / "homelab-immich").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def running(place: Path) -> Iterator[Path]:
    """The home of a rehearsal of /inventories/homelab that seems to run."""
    home = state.home("/inventories/homelab")
    (home / "pids").mkdir(parents=True)
    facts = {
        "kubeconfig": f"{home}/kubeconfig",
        "context": "rehearsal",
        "immich": "http://127.0.0.1:18080",
        "truenas": "wss://127.0.0.1:18443",
        "ca": f"{home}/pki/ca.crt",
        "truenas_user": "rehearsal",
        "truenas_api_key": "not-a-secret",
    }
    state.write_json(home / "state.json", facts)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", f"{home}/kubeconfig"])
    (home / "pids" / "kube-apiserver").write_text(str(process.pid))
    while processes.pid(home, "kube-apiserver") is None:  # its command line shows a moment after it has started
        time.sleep(0.005)
    yield home
    process.kill()
    process.wait()
