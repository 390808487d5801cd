# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The brake, set and released by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return str(tmp_path / "memory")


def values(immich: Any) -> dict[str, Any]:
    config = immich.db.config if hasattr(immich.db, "config") else immich.server.running.config
    nightly = config.get("nightlyTasks", {}).get("databaseCleanup")
    return {"scan": config["library"]["scan"]["enabled"], "watch": config["library"]["watch"]["enabled"], "cleanup": nightly, "days": config["trash"]["days"]}


def test_it_is_set_once_and_released_to_what_was_there(immich: Any, memory: str) -> None:
    before = values(immich)
    assert immich.run("brake", memory=memory, check=True).changed and not Path(memory).exists()
    assert immich.run("brake", memory=memory).changed
    held = values(immich)
    assert held["scan"] is False and (held["cleanup"] is False if before["cleanup"] is not None else held["days"] == 3650)
    again = immich.run("brake", memory=memory)
    assert not again.changed and again["why"] == "Set by hand." and again["since"]
    assert immich.run("brake", memory=memory, state="released", check=True).changed and values(immich) == held
    assert immich.run("brake", memory=memory, state="released").changed and values(immich) == before
    assert not immich.run("brake", memory=memory, state="released").changed and values(immich) == before


def test_what_somebody_else_changed_meanwhile_is_left_alone(immich: Any, memory: str) -> None:
    immich.run("system_config", settings={"library": {"scan": {"enabled": False}, "watch": {"enabled": True}}})
    immich.run("brake", memory=memory)
    immich.run("system_config", settings={"library": {"watch": {"enabled": True}, "scan": {"cronExpression": "0 5 * * *"}}})
    released = immich.run("brake", memory=memory, state="released")
    assert values(immich)["watch"] is True and values(immich)["scan"] is False
    assert not [name for name in released.after.get("system settings", {}) if name.startswith("library.")]


def test_a_brake_that_was_set_by_half_is_set_whole_and_released_whole(immich: Any, memory: str) -> None:
    before = values(immich)
    immich.server.faults.status(500, on="PUT ")  # it remembers, and then nothing is changed
    assert immich.run("brake", memory=memory).failed and values(immich) == before
    assert immich.run("brake", memory=memory).changed
    assert immich.run("brake", memory=memory, state="released").changed and values(immich) == before


def test_somebody_who_changes_it_back_at_the_same_moment_does_not_win(immich: Any, memory: str) -> None:
    from ansible_collections.homelab.immich.plugins.module_utils.guard import brake

    real, times = brake.settings.ensure, []

    def ensure(api: Any, wanted: Any, **kwargs: Any) -> Any:
        result = real(api, wanted, **kwargs)
        times.append(wanted)
        if len(times) == 1:  # a page of settings that was opened before is saved after
            immich.server.running.config["library"]["scan"]["enabled"] = True
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brake.settings, "ensure", ensure)
        assert immich.run("brake", memory=memory).changed
    assert values(immich)["scan"] is False and len(times) == 3


def test_settings_of_a_file_are_told_and_not_changed(immich: Any, memory: str, tmp_path: Path) -> None:
    file = tmp_path / "media" / "immich.json"
    file.write_text("{}")
    place = "/usr/src/app/upload" if immich.server.instance.version.startswith("1.135") else "/data"
    immich.server.set_env(IMMICH_CONFIG_FILE=f"{place}/immich.json")
    message = immich.run("brake", memory=memory).message
    assert "the server takes them from the file of IMMICH_CONFIG_FILE" in message
