# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what the integrity checks found."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich import integrity


def found(immich: Any, count: int) -> None:
    for number in range(count):
        immich.db["integrity"][str(number)] = {"id": f"{number:04}", "type": "missing_file", "path": f"/data/library/{number}.jpg"}


def test_findings_are_counted_and_listed(immich: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if immich.server.running.version < (3, 0, 0):
        for check in (True, False):
            assert "Could not read the integrity report" in immich.run("integrity_info", check=check).message
        return
    monkeypatch.setattr(integrity, "_PAGE", 2)
    nothing = immich.run("integrity_info", types=["missing_file"])
    assert not nothing.changed and set(nothing["summary"].values()) == {0} and nothing["findings"] == []
    found(immich, 5)
    all_of_them = immich.run("integrity_info", types=["missing_file", "untracked_file"], check=True)
    assert all_of_them["summary"] == {"missing_file": 5, "untracked_file": 0, "checksum_mismatch": 0} and all_of_them["truncated"] == []
    assert sorted(item["path"] for item in all_of_them["findings"]) == [f"/data/library/{number}.jpg" for number in range(5)]
    some = immich.run("integrity_info", types=["missing_file"], limit=3)
    assert len(some["findings"]) == 3 and some["truncated"] == ["missing_file"]
    assert immich.run("integrity_info")["findings"] == []


def test_a_limit_of_nothing_is_refused(immich: Any) -> None:
    assert "limit is 0" in immich.run("integrity_info", limit=0).message
