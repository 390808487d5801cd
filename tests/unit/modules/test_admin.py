# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first administrator."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

EMAIL, PASSWORD = "admin@example.net", "correct-horse-1"


def test_a_fresh_server_gets_its_administrator_and_no_wizard(fresh: Server, run_module: Any) -> None:
    result = run_module("admin", url=fresh.url, email=EMAIL, password=PASSWORD, name="Ada")
    assert result.changed and result["initialized"] and result["onboarded"] and result["authenticated_by"] == "session"
    assert result.after == {"administrator admin@example.net": {"email": EMAIL, "name": "Ada"}, "first-run wizard": {"done": True}}
    assert fresh.running.admin()["name"] == "Ada" and fresh.running.db["onboarded"] and not fresh.running.db["sessions"]


def test_again_changes_nothing_and_a_valid_key_needs_no_session(immich: Any) -> None:
    assert not immich.log_in("admin").changed
    immich.server.requests.clear()
    result = immich.run("admin", email=EMAIL, password="no longer right")
    assert not result.changed and result["authenticated_by"] == "api_key"
    assert [request.path for request in immich.server.requests][-1] in ("/api/api-keys/me", "/api/users/me")
    assert result["requests"] == len(immich.server.requests) == 3
    assert not any("/auth/" in request.path for request in immich.server.requests)


def test_check_mode_says_what_would_be_made_and_sends_nothing(fresh: Server, run_module: Any) -> None:
    result = run_module("admin", check=True, url=fresh.url, email=EMAIL, password=PASSWORD)
    assert result.changed and not result["initialized"] and list(result.after) == ["administrator admin@example.net", "first-run wizard"]
    assert {request.method for request in fresh.requests} == {"GET"}


def test_check_mode_on_a_server_that_is_set_up_changes_nothing(immich: Any) -> None:
    assert not immich.run("admin", check=True).changed
    assert not immich.log_in("admin", check=True).changed


def test_only_reporting_needs_no_credentials(fresh: Server, run_module: Any) -> None:
    result = run_module("admin", url=fresh.url, report_only=True)
    assert not result.changed and not result["initialized"] and result["authenticated_by"] == "none" and result["requests"] == 1
    assert not fresh.mutations


def test_an_interrupted_setup_is_finished(immich: Any) -> None:
    immich.db["onboarded"] = False
    result = immich.run("admin")
    assert result.changed and list(result.after) == ["first-run wizard"] and immich.db["onboarded"]


def test_a_key_that_may_not_finish_the_setup_leaves_it_to_the_session(immich: Any) -> None:
    key = immich.log_in("api_key", name="small", permissions=["library.read"])["secret"]
    immich.db["onboarded"] = False
    assert "systemMetadata.update" in immich.run("admin", api_key=key).message
    assert immich.run("admin", api_key=key, email=EMAIL, password=PASSWORD).changed and immich.db["onboarded"]


def test_a_wrong_password_is_told_and_never_set(immich: Any) -> None:
    message = immich.log_in("admin", password="wrong-horse-22").message
    assert "log in as admin@example.net" in message and "check email and password" in message and "wrong-horse-22" not in message
    assert not immich.server.mutations


def test_an_invalid_key_falls_back_to_the_session(immich: Any) -> None:
    result = immich.run("admin", api_key="stale", email=EMAIL, password=PASSWORD)
    assert not result.changed and result["authenticated_by"] == "session"
    assert "does not accept the API key" in immich.run("admin", api_key="stale").message


def test_closed_setup_over_an_empty_database_is_explained(fresh: Server, run_module: Any) -> None:
    fresh.set_env(IMMICH_ALLOW_SETUP="false")
    options = {"url": fresh.url, "email": EMAIL, "password": PASSWORD}
    if fresh.running.version < (2, 5, 0):
        assert run_module("admin", **options).changed, "nothing closes the setup there"
        return
    message = run_module("admin", **options).message
    assert "its database is empty while IMMICH_ALLOW_SETUP=false" in message


def test_somebody_who_is_no_administrator_is_refused(immich: Any) -> None:
    assert immich.run("user", users=[{"email": "mum@example.net", "name": "Mum", "password": "mum-secret-1"}]).changed
    assert "mum@example.net is no administrator" in immich.log_in("admin", email="mum@example.net", password="mum-secret-1").message


def test_a_fresh_server_without_credentials_says_what_to_give(fresh: Server, run_module: Any) -> None:
    assert "no administrator yet; give email and password" in run_module("admin", url=fresh.url).message
