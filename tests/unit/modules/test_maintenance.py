# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Into maintenance mode and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from ansible_collections.homelab.immich.plugins.action.maintenance import ActionModule
from ansible_collections.homelab.immich.plugins.module_utils.immich import server
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

from .conftest import EMAIL, PASSWORD
from .test_playbook import run


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


def test_a_session_that_started_it_cannot_be_ended(immich: Any) -> None:
    if immich.server.running.version < (2, 3, 0):
        assert immich.log_in("maintenance", enabled=True).failed and not immich.db["sessions"]
        return
    started = immich.log_in("maintenance", enabled=True)
    assert started.changed and any("an api_key leaves no session behind" in warning for warning in started.warnings)
    assert not [request for request in immich.server.requests if request.path.endswith("/logout")]


def test_the_login_page_is_where_people_see_the_server() -> None:
    assert server.login_url({"externalDomain": "https://photos.example.net"}, None, "t") == "https://photos.example.net/maintenance?token=t"
    assert server.login_url({"externalDomain": ""}, "https://photos.example.net/api/", "t") == "https://photos.example.net/maintenance?token=t"
    assert server.login_url({}, None, "t") is None
    assert server.token_of("a=b; Path=/, immich_maintenance_token=x.y.z; HttpOnly") == "x.y.z" and server.token_of("a=b") is None


def test_the_token_is_hidden_however_often_the_server_is_waited_for(checkout: Path, tmp_path: Path) -> None:
    def maintenance(**options: Any) -> dict[str, Any]:
        return {"homelab.immich.maintenance": {"look": 1, "timeout": 1, **options}}

    left = 0

    async def restarts(request: Any, handler: Any) -> Any:
        """So long that a run of the module is over before."""
        nonlocal left
        left = 4 if request.method == "POST" else left - 1
        return web.Response(status=503) if request.method == "GET" and left >= 0 else await handler(request)

    with Server("3.3.5", {}, tmp_path) as immich:
        immich.faults.add(restarts, 1000, "(POST /api/admin/maintenance|GET /api/server/config)$")
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "module_defaults": {"group/homelab.immich.immich": {"url": immich.url, "rehearsal": True, "email": EMAIL, "password": PASSWORD}},
            "tasks": [
                {"homelab.immich.admin": {}},
                maintenance(enabled=True) | {"register": "maintenance"},
                maintenance(enabled=False, token="{{ maintenance.token }}"),
            ],
        }
        code, output = run(checkout, tmp_path, [play])
    assert code == 0 and "changed=3" in output, output
    for way in ("into", "out of"):
        assert f"waiting for the server to restart {way} maintenance mode" in output, "it was resumed"
    assert output.count("enabled: true") > 1 and output.count("output has been hidden") == 1, "the rest is shown, the diff too"
    assert "eyJ" not in output and "maintenance?token" not in output, "every token begins like that"


def test_an_error_after_the_start_is_shown_and_has_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = {"changed": True, "resume": {}, "waiting_for": "the server", "token": "eyJ", "login_url": "https://photos.example.net/maintenance?token=eyJ"}
    runs = iter([begun, {"failed": True, "msg": "Could not start maintenance mode: it takes too long."}])
    task = Mock(args={"enabled": True}, no_log=False, async_val=0)
    action = ActionModule(task, Mock(), Mock(check_mode=False), None, None, None)
    monkeypatch.setattr(action, "_execute_module", lambda **_options: next(runs))
    result = action.run(task_vars={})
    assert result["failed"] and result["changed"] and "it takes too long" in result["msg"]
    assert not task.no_log and "eyJ" not in str(result)
