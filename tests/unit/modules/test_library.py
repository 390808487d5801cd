# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External libraries, on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PHOTOS = {"name": "NAS photos", "owner": "admin@example.net", "import_paths": ["/mnt/photos/2023"]}


def index(immich: Any, tmp_path: Path, count: int = 3) -> None:
    """Put photos where the library looks, and let the server find them."""
    for number in range(count):
        (tmp_path / "photos" / "2023" / f"{number}.jpg").write_bytes(b"photo %d" % number)
    from urllib.request import Request, urlopen

    (library,) = immich.run("library_info")["libraries"]
    urlopen(Request(f"{immich.server.url}/api/libraries/{library['id']}/scan", method="POST", headers={"x-api-key": immich.key})).close()
    immich.server.wait()
    immich.server.requests.clear()


def test_a_library_is_made_and_a_second_run_changes_nothing(immich: Any) -> None:
    result = immich.run("library", **PHOTOS)
    assert result.changed and result["libraries"][0]["action"] == "created" and result["libraries"][0]["id"]
    assert result.after == {
        'library "NAS photos" of admin@example.net': {"import_paths": ["/mnt/photos/2023"], "name": "NAS photos", "owner": "admin@example.net"}
    }
    again = immich.run("library", **PHOTOS)
    assert not again.changed and again["requests"] == 2 and again["libraries"][0]["id"] == result["libraries"][0]["id"]


def test_a_new_library_keeps_the_exclusions_that_immich_gives_it(immich: Any) -> None:
    immich.run("library", **PHOTOS)
    assert "**/@eaDir/**" in immich.run("library_info")["libraries"][0]["exclusion_patterns"]
    assert immich.run("library", **PHOTOS, exclusion_patterns=["**/raw/**"]).after.popitem()[1] == {"exclusion_patterns": ["**/raw/**"]}
    assert immich.run("library_info")["libraries"][0]["exclusion_patterns"] == ["**/raw/**"]


def test_check_mode_says_the_same_and_changes_nothing(immich: Any) -> None:
    planned = immich.run("library", check=True, **PHOTOS)
    assert planned.changed and planned.after == immich.run("library", **PHOTOS).after
    assert immich.run("library", check=True, **{**PHOTOS, "import_paths": ["/mnt/photos"]}).changed
    assert immich.run("library", check=True, **PHOTOS, state="absent").changed
    assert not immich.run("library", check=True, **PHOTOS).changed


def test_check_mode_takes_an_owner_whom_the_play_would_make(immich: Any) -> None:
    result = immich.run("library", check=True, **{**PHOTOS, "owner": "mum@example.net"})
    assert result.changed and "has no account yet" in result.warnings[0]
    assert "no user has the owner's address" in immich.run("library", **{**PHOTOS, "owner": "mum@example.net"}).message


def test_a_library_whose_owner_was_deleted_is_left_alone_and_that_is_told(immich: Any) -> None:
    mum = {"email": "mum@example.net", "name": "Mum", "password": "secret-123"}
    owned = {**PHOTOS, "owner": "mum@example.net"}
    absent = {**owned, "state": "absent"}
    assert not immich.run("library", **absent).warnings
    immich.run("user", users=[mum])
    immich.run("library", **owned)
    immich.run("user", users=[{**mum, "state": "absent"}])
    result = immich.run("library", **absent)
    assert not result.changed and "of a deleted user is left alone; restore the account" in result.warnings[0]
    immich.run("user", users=[{**mum, "restore": True}])
    assert immich.run("library", **absent).changed


@pytest.mark.parametrize(("path", "reason"), [("/mnt/photos/nowhere", "does not exist"), ("{media}/library", "media upload folder")])
def test_a_path_that_the_server_does_not_take_leaves_no_half_made_library(immich: Any, path: str, reason: str) -> None:
    path = path.format(media=immich.server.instance.mounts[-1].path)
    message = immich.run("library", **{**PHOTOS, "import_paths": [path]}).message
    assert reason in message and f'Could not create library "NAS photos" of admin@example.net with folder {path}: PUT ' in message
    assert immich.run("library_info")["libraries"] == []


def test_a_library_that_an_interruption_left_without_paths_is_completed(immich: Any) -> None:
    immich.run("library", **{**PHOTOS, "import_paths": []})
    assert immich.run("library", **PHOTOS).changed
    assert immich.run("library_info")["libraries"][0]["import_paths"] == ["/mnt/photos/2023"]


def test_a_drifted_path_is_put_right(immich: Any) -> None:
    immich.run("library", **{**PHOTOS, "import_paths": ["/mnt/photos/2024"]})
    assert immich.run("library", **PHOTOS).after.popitem()[1] == {"import_paths": ["/mnt/photos/2023"]}
    assert not immich.run("library", **PHOTOS).changed


def test_nothing_with_photos_in_it_goes_unless_that_is_said(immich: Any, tmp_path: Path) -> None:
    immich.run("library", **PHOTOS)
    index(immich, tmp_path)
    moved = {**PHOTOS, "import_paths": ["/mnt/photos/2024"]}
    for refused in (moved, {**PHOTOS, "state": "absent"}):
        for check in (True, False):
            message = immich.run("library", check=check, **refused).message
            assert "3 assets" in message and "allow_removal: true" in message
    assert not immich.server.mutations
    assert immich.run("library", **{**PHOTOS, "import_paths": ["/mnt/photos"]}).changed, "a parent folder loses nothing"
    assert immich.run("library", **PHOTOS, state="absent", allow_removal=True).changed
    immich.server.wait()
    assert immich.run("library_info")["libraries"] == []
    assert not immich.run("library", **PHOTOS, state="absent").changed


def test_a_rename_keeps_the_photos(immich: Any, tmp_path: Path) -> None:
    made = immich.run("library", **PHOTOS)["libraries"][0]["id"]
    index(immich, tmp_path)
    assert 'previous_name: "NAS photos"' in immich.run("library", **{**PHOTOS, "name": "Photos"}).message
    result = immich.run("library", **{**PHOTOS, "name": "Photos"}, previous_name="NAS photos")
    assert result["libraries"][0]["id"] == made
    assert immich.run("library_info", statistics=True)["libraries"][0]["statistics"]["total"] == 3
    assert not immich.run("library", **{**PHOTOS, "name": "Photos"}, previous_name="NAS photos").changed


def test_a_library_that_nobody_lists_is_reported_and_stays(immich: Any) -> None:
    immich.run("library", **{**PHOTOS, "name": "By hand", "import_paths": ["/mnt/photos/2024"]})
    result = immich.run("library", libraries=[{**PHOTOS, "scan": {"schedule": "0 */6 * * *", "max_removed": "1%"}}])
    assert [library["name"] for library in result["unmanaged"]] == ["By hand"]
    assert len(immich.run("library_info")["libraries"]) == 2


def test_two_libraries_over_one_folder_are_refused_before_anything_is_changed(immich: Any) -> None:
    entries = [PHOTOS, {**PHOTOS, "name": "All", "import_paths": ["/mnt/photos"]}]
    assert "overlap" in immich.run("library", libraries=entries).message and not immich.server.mutations
    assert immich.run("library", libraries=[PHOTOS, {**entries[1], "allow_overlap": True}]).changed


@pytest.mark.parametrize("fresh", ["3.3.5"], indirect=True)
def test_five_hundred_libraries_cost_the_requests_of_one(immich: Any, tmp_path: Path) -> None:
    entries = []
    for number in range(500):
        (tmp_path / "photos" / f"album-{number}").mkdir()
        entries.append({**PHOTOS, "name": f"Album {number}", "import_paths": [f"/mnt/photos/album-{number}"]})
    assert immich.run("library", libraries=entries).changed
    again = immich.run("library", libraries=entries)
    assert not again.changed and again["requests"] == immich.run("library", libraries=entries[:1])["requests"] == 2


def test_name_and_libraries_exclude_each_other(immich: Any) -> None:
    assert "mutually exclusive" in immich.run("library", **PHOTOS, libraries=[PHOTOS]).message
    assert "one of the following is required: name, libraries" in immich.run("library").message
