# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API keys, on a server."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import versions

KEY = {"name": "ansible", "purposes": ["libraries", "settings"]}


def make(immich: Any, **options: Any) -> str:
    return immich.log_in("api_key", **{**KEY, **options})["secret"]


def names(immich: Any) -> list[str]:
    return sorted(key["name"] for key in immich.db["api_keys"].values())


def test_a_key_gets_exactly_the_permissions_that_this_version_needs(immich: Any) -> None:
    result = immich.log_in("api_key", **KEY)
    assert result.changed and result["secret"]
    assert result["permissions"] == versions.permissions(immich.server.instance.version, KEY["purposes"])
    assert immich.run("library_info", api_key=result["secret"])["libraries"] == []
    assert immich.run("system_config", api_key=result["secret"], settings={"trash": {"days": 45}}).changed
    assert "user.create" in immich.run(
        "user", api_key=result["secret"], users=[{"email": "a@example.net", "name": "A", "password": "secret-123"}]
    ).message.replace("adminU", "u")


def test_a_valid_key_is_kept_without_a_session(immich: Any) -> None:
    secret = make(immich)
    immich.server.requests.clear()
    result = immich.log_in("api_key", api_key=secret, **KEY)
    assert not result.changed and "secret" not in result.data and result["requests"] == 2
    assert not any("/auth/" in request.path for request in immich.server.requests)


def test_check_mode_says_the_same_and_changes_nothing(immich: Any) -> None:
    planned = immich.log_in("api_key", check=True, **KEY)
    assert planned.changed and "secret" not in planned.data and "ansible" not in names(immich)
    secret = make(immich)
    assert not immich.log_in("api_key", check=True, api_key=secret, **KEY).changed
    assert immich.log_in("api_key", check=True, api_key=secret, name="ansible", purposes=["users"]).changed
    assert immich.log_in("api_key", check=True, api_key="stale", **KEY).changed
    assert immich.log_in("api_key", check=True, name="ansible", state="absent").changed


def test_permissions_that_changed_are_put_right_and_the_secret_stays(immich: Any) -> None:
    secret = make(immich, purposes=["libraries"])
    result = immich.log_in("api_key", api_key=secret, **KEY)
    assert result.changed and "secret" not in result.data and "systemConfig.read" in result.after['API key "ansible"']["permissions"]
    assert not immich.log_in("api_key", api_key=secret, **KEY).changed


def test_a_key_that_may_too_much_is_reduced(immich: Any) -> None:
    secret = immich.log_in("api_key", name="ansible", permissions=["all"])["secret"]
    assert immich.log_in("api_key", api_key=secret, **KEY).changed
    assert "Missing required permission" in immich.run("user", api_key=secret, users=[{"email": "admin@example.net", "name": "X"}]).message


def test_a_stored_key_that_is_invalid_is_replaced_and_the_old_one_of_that_name_goes(immich: Any) -> None:
    make(immich)
    result = immich.log_in("api_key", api_key="stale", **KEY)
    assert result.changed and result["secret"] and names(immich) == ["ansible", "tests"]
    assert [diff["after_header"] for diff in result["diff"]] == ['API key "ansible" (deleted)', 'API key "ansible" (created)']
    assert not immich.log_in("api_key", api_key=result["secret"], **KEY).changed


def test_a_key_whose_secret_is_lost_is_replaced_only_when_that_is_said(immich: Any) -> None:
    make(immich)
    immich.server.requests.clear()
    assert "set replace_lost: true" in immich.log_in("api_key", **KEY).message and not immich.server.mutations
    assert immich.log_in("api_key", **KEY, replace_lost=True)["secret"] and names(immich) == ["ansible", "tests"]


def test_two_keys_of_one_name_are_listed_never_guessed(immich: Any) -> None:
    make(immich)
    keys = immich.db["api_keys"]
    key = next(key for key in keys.values() if key["name"] == "ansible")
    keys["another"] = {**key, "id": "00000000-0000-4000-8000-000000000000"}
    message = immich.log_in("api_key", **KEY, replace_lost=True).message
    assert "2 keys of that name" in message and key["id"] in message


def test_a_key_from_elsewhere_needs_no_password_and_may_do_more(immich: Any) -> None:
    assert not immich.run("api_key", **KEY).changed
    small = immich.log_in("api_key", name="small", permissions=["library.read"])["secret"]
    message = immich.run("api_key", api_key=small, **KEY).message
    assert "lacks the permissions" in message and "systemConfig.update" in message and "library.read," not in message


def test_without_any_credentials_it_says_what_to_give(immich: Any) -> None:
    assert "give email and password" in immich.run("api_key", api_key=None, **KEY).message
    assert "does not accept the API key; give email and password" in immich.run("api_key", api_key="stale", **KEY).message


def test_a_key_is_deleted_once(immich: Any) -> None:
    make(immich)
    assert immich.log_in("api_key", name="ansible", state="absent").changed and names(immich) == ["tests"]
    assert not immich.log_in("api_key", name="ansible", state="absent").changed


def test_sessions_do_not_pile_up(immich: Any) -> None:
    make(immich)
    assert not immich.db["sessions"]


def test_a_server_that_is_too_old_is_told(immich: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(versions, "OLDEST", versions.Version(9, 0, 0))
    assert "is older than v9.0.0" in immich.log_in("api_key", **KEY).message


def test_a_newer_server_is_a_warning(immich: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(versions, "NEWEST", versions.Version(2, 0, 0))
    result = immich.log_in("api_key", **KEY)
    assert result.changed and "newer than any this collection knows" in result.warnings[0]
