# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, on a server."""

from __future__ import annotations

from typing import Any

MUM = {"email": "mum@example.net", "name": "Mum", "password": "mum-secret-1", "quota": "200Gi"}


def test_users_are_made_and_a_second_run_changes_nothing(immich: Any) -> None:
    result = immich.run("user", users=[MUM, {**MUM, "email": "dad@example.net", "name": "Dad"}])
    assert result.changed and [user["action"] for user in result["users"]] == ["created", "created"]
    assert result.after["user mum@example.net"] == {"email": "mum@example.net", "name": "Mum", "quota": 200 * 1024**3, "state": "present"}
    again = immich.run("user", users=[MUM, {**MUM, "email": "dad@example.net", "name": "Dad"}])
    assert not again.changed and again["requests"] == 1 and again["diff"] == []


def test_the_new_user_can_log_in_and_a_later_password_is_not_used(immich: Any) -> None:
    immich.run("user", users=[MUM])
    assert not immich.run("user", users=[{**MUM, "password": "something-else"}]).changed
    # not an administrator, so the refusal comes after the login
    assert "is no administrator" in immich.log_in("admin", email="mum@example.net", password="mum-secret-1").message


def test_a_password_is_set_again_on_demand(immich: Any) -> None:
    immich.run("user", users=[MUM])
    result = immich.run("user", users=[{**MUM, "password": "mum-secret-2", "update_password": "always"}])
    assert result.changed and "mum-secret-2" not in result.output
    assert "is no administrator" in immich.log_in("admin", email="mum@example.net", password="mum-secret-2").message


def test_a_drift_is_put_right_and_shown_alone(immich: Any) -> None:
    immich.run("user", users=[MUM])
    result = immich.run("user", users=[{**MUM, "name": "Mother", "quota": "unlimited", "storage_label": "mum"}])
    assert result.after == {"user mum@example.net": {"name": "Mother", "quota": None, "storage_label": "mum"}}
    assert not immich.run("user", users=[{**MUM, "name": "Mother", "quota": "unlimited", "storage_label": "mum"}]).changed


def test_check_mode_says_the_same_and_changes_nothing(immich: Any) -> None:
    planned = immich.run("user", check=True, users=[MUM])
    assert planned.changed and planned.after == immich.run("user", users=[MUM]).after
    assert immich.run("user", check=True, users=[{**MUM, "state": "absent"}]).changed
    assert not immich.run("user", check=True, users=[MUM]).changed


def test_a_deleted_user_comes_back_only_when_asked(immich: Any) -> None:
    immich.run("user", users=[MUM])
    assert immich.run("user", users=[{"email": "mum@example.net", "state": "absent"}]).changed
    assert not immich.run("user", users=[{"email": "mum@example.net", "state": "absent"}]).changed
    assert "set restore: true" in immich.run("user", users=[MUM]).message
    assert immich.run("user", users=[{**MUM, "restore": True}]).changed
    assert not immich.run("user", users=[MUM]).changed


def test_an_account_with_photos_in_its_library_goes_only_if_that_is_said(immich: Any) -> None:
    (immich.server.instance.mounts[0].folder / "2023" / "mum.jpg").write_bytes(b"mum")
    immich.run("user", users=[MUM])
    immich.run("library", name="Mum's", owner=MUM["email"], import_paths=["/mnt/photos/2023"])
    immich.run("library_scan")
    immich.server.requests.clear()
    gone = {"email": MUM["email"], "state": "absent"}
    for check in (True, False):
        message = immich.run("user", check=check, users=[gone]).message
        assert "User mum@example.net: it holds 1 of the server's assets" in message and "allow_removal: true" in message
    assert not immich.server.mutations
    assert immich.run("user", users=[{**gone, "allow_removal": True}]).changed


def test_the_administrator_cannot_be_deleted_and_what_was_done_before_is_told(immich: Any) -> None:
    message = immich.run("user", users=[MUM, {"email": "admin@example.net", "state": "absent"}]).message
    assert "Could not delete user admin@example.net" in message and "Done before that: user mum@example.net created." in message
    assert "correct what the server names" in message


def test_all_errors_before_anything_is_changed(immich: Any) -> None:
    message = immich.run("user", users=[MUM, {"email": "x@example.net"}, {"email": "admin@example.net", "quota": "big"}]).message
    assert "x@example.net" in message and "'big' is not a size" in message
    assert not immich.server.mutations
