# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same desired state on a server that becomes newer under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from module_runner import Run, run_module

__all__ = ["run_module"]  # a fixture

ADMIN = {"email": "admin@example.net", "password": "correct-horse-1"}
STATE: dict[str, dict[str, Any]] = {
    "user": {"users": [{"email": "mum@example.net", "name": "Mum", "password": "a-long-password-1", "quota": "50Gi", "storage_label": "mum"}]},
    "system_config": {"settings": {"trash": {"days": 60}, "newVersionCheck": {"enabled": False}, "machineLearning": {"clip": {"enabled": False}}}},
    "scan_schedule": {"enabled": False},
    "library": {
        "libraries": [
            {"name": "NAS photos", "owner": "admin@example.net", "import_paths": ["/mnt/photos/2023"], "exclusion_patterns": ["**/@eaDir/**"]},
            {"name": "Scans", "owner": "mum@example.net", "import_paths": ["/mnt/photos/2024"]},
        ]
    },
}
PURPOSES = ["libraries", "onboarding", "scan", "settings", "statistics", "users"]
UPGRADES = [("2.4.1", "3.1.0", "3.3.5"), ("1.135.3", "2.0.0", "2.4.1", "2.5.5", "2.7.5", "3.0.0", "3.1.0", "3.3.5")]


@pytest.mark.parametrize("versions", UPGRADES, ids=["as users skip", "one at a time"])
def test_an_upgrade_changes_nothing_that_was_declared(versions: tuple[str, ...], tmp_path: Path, run_module: Run) -> None:
    mounts = {"/mnt/photos": tmp_path / "photos", "/data": tmp_path / "media"}
    mounts["/data"].mkdir()
    for folder in ("2023", "2024"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    with Server(versions[0], mounts, tmp_path, {"IMMICH_MEDIA_LOCATION": "/data"}) as server:
        assert run_module("admin", url=server.url, **ADMIN).changed
        key = run_module("api_key", url=server.url, **ADMIN, name="ansible", purposes=PURPOSES)["secret"]
        for module, options in STATE.items():
            assert run_module(module, url=server.url, api_key=key, **options).changed, f"{module}: made on {versions[0]}"
        for version in versions:
            server.become(version)
            server.requests.clear()
            # a newer version may know permissions that the key needs there; then the key is changed, once, and says so
            if run_module("api_key", url=server.url, api_key=key, **ADMIN, name="ansible", purposes=PURPOSES).changed:
                assert not run_module("api_key", url=server.url, api_key=key, **ADMIN, name="ansible", purposes=PURPOSES).changed
            server.requests.clear()
            assert not run_module("admin", url=server.url, api_key=key, **ADMIN).changed
            for module, options in STATE.items():
                assert not run_module(module, url=server.url, api_key=key, **options).changed, f"{module} on {version}"
            assert server.mutations == []
