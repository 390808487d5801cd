# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""System settings, on a server."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

SETTINGS = {"trash": {"days": 60}, "server": {"externalDomain": "https://photos.example.net/"}}


def test_settings_are_merged_and_a_second_run_changes_nothing(immich: Any) -> None:
    result = immich.run("system_config", settings=SETTINGS)
    assert result.changed and result["updated"] == ["server.externalDomain", "trash.days"]
    assert result["diff"][0]["before"] == {"server.externalDomain": "", "trash.days": 30}
    again = immich.run("system_config", settings=SETTINGS)
    assert not again.changed and again["diff"] == [] and again["requests"] == 2


def test_all_other_settings_stay(immich: Any) -> None:
    immich.run("system_config", settings={"library": {"scan": {"enabled": False}}})
    immich.run("system_config", settings=SETTINGS)
    assert not immich.run("system_config", settings={"library": {"scan": {"enabled": False}}}).changed


def test_check_mode_says_the_same_and_changes_nothing(immich: Any) -> None:
    planned = immich.run("system_config", check=True, settings=SETTINGS)
    assert planned.changed and planned["diff"] == immich.run("system_config", settings=SETTINGS)["diff"]
    assert not immich.run("system_config", check=True, settings=SETTINGS).changed


def test_a_setting_that_the_server_does_not_know_is_refused(immich: Any) -> None:
    message = immich.run("system_config", settings={"trash": {"day": 60}, "nightly": {}}).message
    assert "trash.day is not known to this server; did you mean trash.days?" in message and "nightly" in message
    assert not immich.server.mutations


def test_a_value_that_the_server_refuses_is_told(immich: Any) -> None:
    message = immich.run("system_config", settings={"library": {"scan": {"cronExpression": "often"}}}).message
    assert "Could not update the system settings library.scan.cronExpression" in message and "answered 400" in message


def test_a_value_that_the_server_drops_is_told(immich: Any) -> None:
    message = immich.run("system_config", settings={"oauth": {"buttonText": ""}}).message
    assert "did not take the system settings oauth.buttonText" in message


def test_a_secret_is_set_and_shown_nowhere(immich: Any) -> None:
    for secret in ("first-secret", "second-secret"):
        result = immich.run("system_config", settings={"oauth": {"clientSecret": secret, "clientId": "immich"}})
        assert "oauth.clientSecret" in result["updated"] and "first-secret" not in result.output and "second-secret" not in result.output
    assert not immich.run("system_config", settings={"oauth": {"clientSecret": "second-secret"}}).changed


def test_a_file_that_owns_the_settings_is_named(immich: Any) -> None:
    media = immich.server.instance.mounts[-1]
    (media.folder / "immich.json").write_text(json.dumps({"trash": {"days": 30}}))
    immich.server.set_env(IMMICH_CONFIG_FILE=f"{media.path}/immich.json")
    assert not immich.run("system_config", settings={"trash": {"days": 30}}).changed
    for check in (True, False):
        message = immich.run("system_config", check=check, settings=SETTINGS).message
        assert "IMMICH_CONFIG_FILE" in message and "trash.days" in message
    assert not immich.server.mutations


def test_a_key_without_the_newer_permission_uses_the_older_address(fresh: Server, immich: Any) -> None:
    key = immich.log_in("api_key", name="older", permissions=["systemConfig.read", "systemConfig.update"])["secret"]
    assert immich.run("system_config", api_key=key, settings=SETTINGS).changed
    assert not immich.run("system_config", api_key=key, settings=SETTINGS).changed
