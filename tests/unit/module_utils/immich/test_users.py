# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of users."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import Plan, PlanErrors
from ansible_collections.homelab.immich.plugins.module_utils.immich.users import parse_size, plan_users


def existing(**fields: Any) -> dict[str, Any]:
    return {
        "id": "u1",
        "email": "family@example.net",
        "name": "Family",
        "isAdmin": False,
        "storageLabel": None,
        "quotaSizeInBytes": None,
        "deletedAt": None,
        "status": "active",
    } | fields


def wanted(**options: Any) -> dict[str, Any]:
    base = dict.fromkeys(("name", "password", "should_change_password", "quota", "storage_label", "admin"))
    return base | {"email": "family@example.net", "update_password": "on_create", "allow_removal": False, "restore": False, "state": "present"} | options


def plan(current: list[dict[str, Any]], assets: int = 0, **options: Any) -> Plan:
    return plan_users(current, [wanted(**options)], {"u1": assets}.__getitem__)[0]


def test_a_user_who_is_as_wanted_costs_no_request() -> None:
    planned = plan([existing()], name="Family", quota="unlimited", password="other", admin=False)
    assert not planned.change.changed and planned.steps == ()


def test_options_that_are_left_out_are_left_alone() -> None:
    assert plan([existing(name="Mum", quotaSizeInBytes=5, storageLabel="mum", isAdmin=True)]).steps == ()


def test_upper_and_lower_case_of_an_address_do_not_matter() -> None:
    assert not plan([existing(email="Family@Example.net")], email="family@EXAMPLE.net").change.changed


def test_only_what_differs_is_sent_and_shown() -> None:
    planned = plan([existing()], name="Family", quota="1Gi")
    (step,) = planned.steps
    assert (step.method, step.path, step.body) == ("PUT", "/admin/users/u1", {"quotaSizeInBytes": 1024**3})
    assert planned.change.diff()["before"] == {"quota": None} and planned.change.diff()["after"] == {"quota": 1024**3}


def test_a_quota_can_be_taken_away() -> None:
    assert plan([existing(quotaSizeInBytes=5)], quota="unlimited").steps[0].body == {"quotaSizeInBytes": None}


def test_an_empty_storage_label_removes_it() -> None:
    assert plan([existing(storageLabel="family")], storage_label="").steps[0].body == {"storageLabel": None}


def test_a_new_user_gets_what_was_asked_for() -> None:
    (step,) = plan([], name="Family", password="secret-one", quota="2G", admin=True, should_change_password=False).steps
    assert (step.method, step.path) == ("POST", "/admin/users")
    assert step.body == {
        "email": "family@example.net",
        "name": "Family",
        "password": "secret-one",
        "isAdmin": True,
        "quotaSizeInBytes": 2_000_000_000,
        "shouldChangePassword": False,
    }


def test_a_new_user_needs_a_name_and_a_password() -> None:
    with pytest.raises(PlanErrors, match="User family@example.net: the account does not exist, and to make it name and password must be given."):
        plan([])


def test_a_password_is_only_set_again_when_asked_for_and_never_shown() -> None:
    planned = plan([existing()], password="secret-two", update_password="always")
    assert planned.steps[0].body == {"password": "secret-two"}
    assert planned.change.changed and "secret-two" not in str(planned.change.diff())


def test_a_deleted_account_is_an_error_unless_it_shall_come_back() -> None:
    gone = existing(deletedAt="2026-01-01T00:00:00.000Z", status="deleted", name="Old")
    with pytest.raises(PlanErrors, match="was deleted on .* set restore: true to bring it back"):
        plan([gone])
    planned = plan([gone], restore=True, name="Family")
    assert [(step.method, step.path) for step in planned.steps] == [("POST", "/admin/users/u1/restore"), ("PUT", "/admin/users/u1")]
    assert planned.change.diff()["after"] == {"name": "Family", "state": "present"}


def test_an_account_that_is_being_removed_cannot_come_back() -> None:
    with pytest.raises(PlanErrors, match="cannot be restored"):
        plan([existing(deletedAt="2026-01-01T00:00:00.000Z", status="removing")], restore=True)


def test_an_account_with_assets_is_deleted_by_name_only() -> None:
    with pytest.raises(PlanErrors, match="holds 7 of the server's assets, its own and those of its libraries.* set allow_removal: true"):
        plan([existing()], assets=7, state="absent")
    assert plan([existing()], assets=7, state="absent", allow_removal=True).change.action == "deleted"


def test_absent_deletes_softly_and_once() -> None:
    (step,) = plan([existing()], state="absent").steps
    assert (step.method, step.path, step.body) == ("DELETE", "/admin/users/u1", {"force": False})
    assert not plan([], state="absent").change.changed
    assert not plan([existing(deletedAt="2026-01-01T00:00:00.000Z")], state="absent").change.changed


def test_two_accounts_of_one_address_are_listed_never_guessed() -> None:
    with pytest.raises(PlanErrors, match=r"2 users with this address \(u1, u2\)"):
        plan([existing(), existing(id="u2", email="FAMILY@example.net")])


def test_all_errors_at_once() -> None:
    entries = [wanted(quota="lots"), wanted(email="b@example.net"), wanted(email="B@example.net")]
    with pytest.raises(PlanErrors) as raised:
        plan_users([existing()], entries, len)
    assert len(raised.value.errors) == 3
    assert "'lots' is not a size" in raised.value.errors[0] and "listed twice" in raised.value.errors[2]


@pytest.mark.parametrize(
    ("text", "size"),
    [("200Gi", 200 * 1024**3), ("1.5G", 1_500_000_000), ("0", 0), ("1048576", 1048576), ("5 TiB", 5 * 1024**4), ("12KB", 12_000), ("unlimited", None)],
)
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "Gi", "1Zi", "1.2.3G", "1e9", "none"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize("label", ["mum.k", "a/b", "a\\b", "mum ", 'a"b', "a\x00"])
def test_a_storage_label_that_the_server_would_change_is_refused(label: str) -> None:
    with pytest.raises(PlanErrors, match="holds characters that Immich takes out"):
        plan([existing()], storage_label=label)


def test_a_storage_label_that_somebody_else_has_is_refused_a_deleted_account_included() -> None:
    gone = existing(id="u2", email="gone@example.net", storageLabel="mum", deletedAt="2026-01-01T00:00:00.000Z", status="deleted")
    with pytest.raises(PlanErrors, match='User family@example.net: storage_label "mum" is that of gone@example.net; choose another'):
        plan([existing(), gone], storage_label="mum")
    assert plan([existing(storageLabel="mum")], storage_label="mum").steps == ()


def test_two_users_of_the_list_with_one_storage_label_are_refused() -> None:
    with pytest.raises(PlanErrors, match="choose another"):
        plan_users([existing()], [wanted(storage_label="mum"), wanted(email="b@example.net", name="B", password="x", storage_label="mum")], len)
