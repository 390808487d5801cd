# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Into maintenance mode and out of it."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import server


def test_there_and_back_again(immich: Any) -> None:
    if immich.server.running.version < (2, 3, 0):
        for check in (True, False):
            assert "cannot do that; it takes v2.3.0 or later" in immich.run("maintenance", enabled=True, check=check).message
        assert not immich.run("maintenance", enabled=False).changed
        return
    assert not immich.run("maintenance", enabled=False).changed
    would = immich.run("maintenance", enabled=True, check=True)
    assert would.changed and not would["maintenance"] and "token" not in would.data
    started = immich.run("maintenance", enabled=True)
    assert started.changed and started["maintenance"] and started.after == {"maintenance mode": {"enabled": True}}
    assert started["login_url"] == f"{immich.server.url}/maintenance?token={started['token']}"
    assert any("answers 404" in warning for warning in started.warnings) == ((2, 3, 0) <= immich.server.running.version < (2, 6, 0))
    again = immich.run("maintenance", enabled=True)
    assert not again.changed and again["maintenance"] and "token" not in again.data
    assert "give token" in immich.run("maintenance", enabled=False).message
    wrong = immich.run("maintenance", enabled=False, token="e.e.nobody-may-see")
    assert "401" in wrong.message and "nobody-may-see" not in wrong.output
    assert immich.run("maintenance", enabled=False, token=started["token"], check=True).changed
    ended = immich.run("maintenance", enabled=False, token=started["token"])
    assert ended.changed and not ended["maintenance"] and started["token"] not in ended.output
    assert not immich.run("maintenance", enabled=False, token=started["token"]).changed


def test_the_login_page_is_where_people_see_the_server() -> None:
    assert server.login_url({"externalDomain": "https://photos.example.net"}, None, "t") == "https://photos.example.net/maintenance?token=t"
    assert server.login_url({"externalDomain": ""}, "https://photos.example.net/api/", "t") == "https://photos.example.net/maintenance?token=t"
    assert server.login_url({}, None, "t") is None
    assert server.token_of("a=b; Path=/, immich_maintenance_token=x.y.z; HttpOnly") == "x.y.z" and server.token_of("a=b") is None
