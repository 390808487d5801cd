# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of external libraries."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import PlanErrors
from ansible_collections.homelab.immich.plugins.module_utils.immich.libraries import LibraryPlan, desired, keeps, normalise, plan_libraries

OWNERS = {"admin@example.net": "u1", "family@example.net": "u2"}
EMAILS = {user_id: email for email, user_id in OWNERS.items()}


def existing(**fields: Any) -> dict[str, Any]:
    return {"id": "l1", "name": "Photos", "ownerId": "u1", "importPaths": ["/mnt/photos"], "exclusionPatterns": ["**/@eaDir/**"]} | fields


def wanted(**options: Any) -> dict[str, Any]:
    base = dict.fromkeys(("import_paths", "exclusion_patterns", "previous_name"))
    return base | {"name": "Photos", "owner": "admin@example.net", "state": "present", "allow_removal": False, "allow_overlap": False} | options


def plans(current: list[dict[str, Any]], *entries: dict[str, Any], assets: int = 0, unknown_owner_ok: bool = False) -> list[LibraryPlan]:
    return plan_libraries(current, desired(entries, OWNERS, unknown_owner_ok=unknown_owner_ok), EMAILS, lambda _library_id: assets)[0]


def plan(current: list[dict[str, Any]], assets: int = 0, **options: Any) -> LibraryPlan:
    return plans(current, wanted(**options), assets=assets)[0]


def refusal(current: list[dict[str, Any]], *entries: dict[str, Any], assets: int = 0) -> str:
    with pytest.raises(PlanErrors) as raised:
        plans(current, *entries, assets=assets)
    return str(raised.value)


# --- one library


def test_nothing_to_do_when_paths_and_patterns_only_stand_in_another_order() -> None:
    found = existing(importPaths=["/mnt/a", "/mnt/b"], exclusionPatterns=["x", "y"])
    assert not plan([found], import_paths=["/mnt/b/", "/mnt//a"], exclusion_patterns=["y", "x"]).change.changed


def test_options_that_are_left_out_are_left_alone() -> None:
    assert not plan([existing()]).change.changed


def test_only_what_differs_is_sent_and_shown() -> None:
    planned = plan([existing()], import_paths=["/mnt/photos", "/mnt/scans"], exclusion_patterns=["**/@eaDir/**"])
    assert planned.body == {"importPaths": ["/mnt/photos", "/mnt/scans"]}
    assert planned.change.diff()["after"] == {"import_paths": ["/mnt/photos", "/mnt/scans"]}


def test_patterns_can_be_emptied() -> None:
    assert plan([existing()], exclusion_patterns=[]).body == {"exclusionPatterns": []}


def test_a_path_that_the_web_interface_stored_with_a_slash_is_put_right_without_a_question() -> None:
    assert plan([existing(importPaths=["/mnt/photos/"])], import_paths=["/mnt/photos"], assets=9).body == {"importPaths": ["/mnt/photos"]}


def test_a_new_library_needs_import_paths() -> None:
    assert "to create it import_paths must be given" in refusal([], wanted())
    assert plan([], import_paths=["/mnt/photos"]).body == {"name": "Photos", "importPaths": ["/mnt/photos"]}


@pytest.mark.parametrize(
    ("given", "stored"), [("/mnt/photos/", "/mnt/photos"), ("/mnt//a/./b", "/mnt/a/b"), ("/mnt/a/../b", "/mnt/b"), ("//mnt/a", "/mnt/a"), ("/", "/")]
)
def test_import_paths_are_written_as_the_scan_compares_them(given: str, stored: str) -> None:
    assert normalise(given) == stored


@pytest.mark.parametrize("path", ["mnt/photos", "~/photos", "C:\\photos"])
def test_a_relative_import_path_is_an_error(path: str) -> None:
    assert "is not absolute" in refusal([], wanted(import_paths=[path]))


def test_what_immich_would_refuse_anyhow_is_told_first() -> None:
    assert "at most 128" in refusal([], wanted(import_paths=[f"/mnt/{number}" for number in range(129)]))
    assert "holds an empty entry" in refusal([], wanted(import_paths=["/mnt/a"], exclusion_patterns=[" "]))
    assert "the name is empty" in refusal([], wanted(name=" ", import_paths=["/mnt/a"]))


# --- identity


def test_the_same_name_of_another_owner_is_another_library() -> None:
    assert plan([existing(ownerId="u2")], import_paths=["/mnt/other"]).change.action == "created"


def test_two_libraries_of_one_owner_and_name_are_listed_never_guessed() -> None:
    assert "has 2 libraries named" in (text := refusal([existing(), existing(id="l2")], wanted())) and "l1, l2" in text


def test_a_rename_keeps_the_library() -> None:
    planned = plan([existing(name="Old")], name="Photos", previous_name="Old", import_paths=["/mnt/photos"])
    assert planned.current is not None and planned.body == {"name": "Photos"} and planned.change.action == "updated"


def test_a_rename_that_was_made_already_changes_nothing() -> None:
    assert not plan([existing()], previous_name="Old").change.changed


def test_a_previous_name_that_is_still_there_is_an_error() -> None:
    assert 'also has the previous_name "Old"' in refusal([existing(), existing(id="l2", name="Old", importPaths=["/mnt/old"])], wanted(previous_name="Old"))


def test_an_owner_without_account_is_an_error_that_lists_those_who_have_one() -> None:
    assert "choose from admin@example.net, family@example.net" in refusal([], wanted(owner="mum@example.net", import_paths=["/mnt/a"]))


def test_in_check_mode_the_owner_may_be_made_by_the_same_play() -> None:
    (planned,) = plans([], wanted(owner="mum@example.net", import_paths=["/mnt/a"]), unknown_owner_ok=True)
    assert planned.change.action == "created"


def test_one_entry_twice_is_an_error() -> None:
    assert "listed twice" in refusal([], wanted(import_paths=["/mnt/a"]), wanted(owner="Admin@example.net", import_paths=["/mnt/b"]))


def test_a_library_that_nobody_names_is_reported() -> None:
    _plans, unmanaged = plan_libraries(
        [existing(), existing(id="l2", name="Other")], desired([wanted()], OWNERS, unknown_owner_ok=False), EMAILS, lambda _id: 0
    )
    assert [library["id"] for library in unmanaged] == ["l2"]


# --- nothing gets lost


def test_a_library_with_assets_is_only_deleted_when_that_is_said() -> None:
    text = refusal([existing()], wanted(state="absent"), assets=41203)
    assert "41203 assets" in text and "allow_removal: true" in text
    assert plan([existing()], state="absent", assets=41203, allow_removal=True).change.action == "deleted"
    assert plan([existing()], state="absent", assets=0).change.action == "deleted"
    assert not plan([], state="absent").change.changed


def test_an_owner_who_is_gone_has_no_library_to_delete() -> None:
    assert not plan([], state="absent", owner="mum@example.net").change.changed


def test_a_path_with_assets_under_it_only_disappears_when_that_is_said() -> None:
    text = refusal([existing()], wanted(import_paths=["/mnt/other"]), assets=7)
    assert "import path /mnt/photos would disappear" in text and "7 assets" in text
    assert plan([existing()], import_paths=["/mnt/other"], assets=7, allow_removal=True).body == {"importPaths": ["/mnt/other"]}
    assert plan([existing()], import_paths=["/mnt/other"], assets=0).body == {"importPaths": ["/mnt/other"]}


def test_an_empty_list_of_paths_would_lose_everything() -> None:
    assert "would disappear" in refusal([existing()], wanted(import_paths=[]), assets=7)


def test_a_parent_folder_in_place_of_its_child_loses_nothing() -> None:
    assert plan([existing(importPaths=["/mnt/photos/2023"])], import_paths=["/mnt/photos"], assets=7).change.action == "updated"


def test_children_in_place_of_their_parent_may_lose_something() -> None:
    assert "would disappear" in refusal([existing()], wanted(import_paths=["/mnt/photos/2023", "/mnt/photos/2024"]), assets=7)


def test_assets_are_only_counted_when_some_could_get_lost() -> None:
    def count(_library_id: str) -> int:
        raise AssertionError("a request that nobody needs")

    listed = desired([wanted(import_paths=["/mnt/photos", "/mnt/more"])], OWNERS, unknown_owner_ok=False)
    assert plan_libraries([existing()], listed, EMAILS, count)[0][0].change.changed


@pytest.mark.parametrize(
    ("prefix", "path", "kept"),
    [
        ("/mnt/a", "/mnt/a", True),
        ("/mnt/a", "/mnt/ab", True),
        ("/mnt/a/", "/mnt/a", True),
        ("/mnt/a/", "/mnt/ab", False),
        ("/mnt/ab", "/mnt/a", False),
        ("/mnt/a_b", "/mnt/a-b", True),
        ("/mnt/%/x", "/mnt/deep/er/x", True),
        (r"/mnt/a\_b", "/mnt/a-b", False),
        ("/mnt/a.c", "/mnt/abc", False),
        ("/mnt/A", "/mnt/a", False),
        ("/", "/mnt/a", True),
    ],
)
def test_what_a_scan_keeps_is_what_its_sql_says(prefix: str, path: str, kept: bool) -> None:
    assert keeps(prefix, path) is kept


# --- nothing is imported twice


@pytest.mark.parametrize(
    ("ours", "theirs"), [("/mnt/photos", "/mnt/photos"), ("/mnt/photos/2023", "/mnt/photos"), ("/mnt", "/mnt/photos/"), ("/", "/mnt/photos")]
)
def test_a_folder_inside_another_library_is_refused(ours: str, theirs: str) -> None:
    other = existing(id="l2", name="Other", ownerId="u2", importPaths=[theirs])
    text = refusal([other], wanted(import_paths=[ours]))
    assert f"import path {ours} overlaps {theirs}" in text and 'library "Other" of family@example.net' in text and "allow_overlap: true" in text
    assert plan([other], import_paths=[ours], allow_overlap=True).change.action == "created"


def test_a_neighbour_with_the_same_beginning_is_no_overlap() -> None:
    assert plan([existing(id="l2", name="Other", importPaths=["/mnt/photos"])], import_paths=["/mnt/photos2"]).change.action == "created"


def test_a_rename_in_the_inventory_is_recognised_and_previous_name_offered() -> None:
    assert 'if it was renamed, set previous_name: "Photos"' in refusal([existing()], wanted(name="NAS photos", import_paths=["/mnt/photos"]))


def test_a_change_of_owner_is_recognised() -> None:
    assert "owner of a library cannot be changed" in refusal([existing()], wanted(owner="family@example.net", import_paths=["/mnt/photos"]))


def test_two_new_libraries_that_overlap_are_told_once() -> None:
    with pytest.raises(PlanErrors) as raised:
        plans([], wanted(name="A", import_paths=["/mnt/a", "/mnt/b"]), wanted(name="B", import_paths=["/mnt/a/x", "/mnt/b"]))
    assert len(raised.value.errors) == 1


def test_a_path_may_move_from_one_library_to_another_in_one_run() -> None:
    current = [existing(importPaths=["/mnt/a", "/mnt/b"]), existing(id="l2", name="B", importPaths=["/mnt/c"])]
    moved = plans(current, wanted(import_paths=["/mnt/a"]), wanted(name="B", import_paths=["/mnt/b", "/mnt/c"]))
    assert [planned.change.action for planned in moved] == ["updated", "updated"]


def test_a_library_may_take_the_place_of_one_that_is_deleted() -> None:
    assert plans([existing()], wanted(state="absent"), wanted(name="New", import_paths=["/mnt/photos"]))[1].change.action == "created"


def test_an_overlap_that_exists_already_does_not_stop_the_run() -> None:
    current = [existing(), existing(id="l2", name="B", importPaths=["/mnt/photos/x"])]
    assert not plans(current, wanted(import_paths=["/mnt/photos"]), wanted(name="B", import_paths=["/mnt/photos/x"]))[0].change.changed


def test_all_errors_at_once() -> None:
    text = refusal([existing()], wanted(state="absent"), wanted(name="B"), assets=3)
    assert "3 assets" in text and "import_paths must be given" in text
