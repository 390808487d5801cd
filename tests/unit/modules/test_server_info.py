# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what the server says about itself."""

from __future__ import annotations

from typing import Any


def test_without_a_key_what_everybody_may_know(immich: Any) -> None:
    result = immich.run("server_info", api_key=None)
    assert not result.changed and result["version"] == immich.server.instance.version and result["known"]
    assert result["initialized"] and not result["maintenance"] and result["settings_owner"] == "api" and result["features"]["trash"]
    assert [item["version"] for item in result["history"]] == [immich.server.instance.version]
    assert result["storage"] is None and result["about"] is None


def test_with_a_key_storage_and_counts(immich: Any) -> None:
    result = immich.run("server_info", statistics=True, check=True)
    assert result["storage"]["size"] >= result["storage"]["used"] > 0 and result["about"]["version"] == f"v{immich.server.instance.version}"
    assert result["statistics"] == {"photos": 0, "videos": 0, "usage": 0}
    assert immich.log_in("server_info")["about"] == result["about"] and not immich.db["sessions"]


def test_a_file_that_owns_the_settings_is_told(immich: Any) -> None:
    media = immich.server.instance.mounts[-1]
    (media.folder / "immich.yaml").write_text("trash: {days: 60}\n")
    immich.server.set_env(IMMICH_CONFIG_FILE=f"{media.path}/immich.yaml")
    assert immich.run("server_info")["settings_owner"] == "file"


def test_in_maintenance_it_tells_nothing_else(immich: Any) -> None:
    if immich.run("maintenance", enabled=True).failed:
        assert not immich.run("server_info")["maintenance"]
        return
    result = immich.run("server_info")
    assert result["maintenance"] and result["settings_owner"] is None and "keys and sessions do not count" in result.warnings[0]
