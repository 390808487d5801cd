# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans of external libraries, and what they did."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich import scans
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import PlanErrors


@pytest.fixture
def photos(immich: Any) -> Path:
    """Twenty photos in two libraries."""
    folder = immich.server.instance.mounts[0].folder
    for number in range(10):
        for year in ("2023", "2024"):
            (folder / year / f"{number}.jpg").write_bytes(b"photo %d" % number)
    owner = {"owner": "admin@example.net"}
    immich.run("library", libraries=[{"name": year, "import_paths": [f"/mnt/photos/{year}"], **owner} for year in ("2023", "2024")])
    immich.server.requests.clear()
    return folder


def test_a_scan_says_what_it_found(immich: Any, photos: Path) -> None:
    checked = immich.run("library_scan", name="2023", check=True)
    (would,) = checked["libraries"]
    assert checked.changed and (would["name"], would["action"], would["before"], would["after"]) == ("2023", "scanned", 0, None)
    scan = immich.run("library_scan", name="2023", owner="Admin@example.net")
    (library,), (owner,) = scan["libraries"], scan["owners"]
    assert scan.changed and (library["action"], library["before"], library["after"]) == ("scanned", 0, 10) and library["refreshed_at"]
    assert (owner["before"], owner["after"]) == ({"visible": 0, "trashed": 0}, {"visible": 10, "trashed": 0}) and scan.warnings == []
    assert list(scan.after) == ['library "2023" of admin@example.net']


def test_all_libraries_or_those_that_are_due(immich: Any, photos: Path) -> None:
    immich.run("library_scan", libraries=[{"name": "2023"}])
    rest = immich.run("library_scan", max_age=1, processing=True)
    assert {item["name"]: (item["action"], item["after"]) for item in rest["libraries"]} == {"2023": ("fresh", 10), "2024": ("scanned", 10)}
    again = immich.run("library_scan", max_age=1)
    assert not again.changed and {item["action"] for item in again["libraries"]} == {"fresh"}
    assert not immich.run("library_scan", max_age=1, check=True).changed


def test_a_lost_mount_is_seen_where_the_library_hides_it(immich: Any, photos: Path) -> None:
    immich.run("library_scan")
    aside = photos / "aside"
    aside.mkdir()
    for path in (photos / "2023").iterdir():
        shutil.move(path, aside / path.name)
    scan = immich.run("library_scan", name="2023")
    assert scan["libraries"][0]["after"] == 10 and scan["owners"][0]["after"] == {"visible": 10, "trashed": 10}
    assert "10 of the 20 assets of admin@example.net went into the trash" in scan.warnings[0]
    for path in aside.iterdir():
        shutil.move(path, photos / "2023" / path.name)
    assert immich.run("library_scan", name="2023")["owners"][0]["after"] == {"visible": 20, "trashed": 0}


@pytest.mark.parametrize("check", [True, False])
def test_a_folder_that_the_server_cannot_read_stops_the_scan(immich: Any, photos: Path, check: bool) -> None:
    shutil.rmtree(photos / "2023")
    message = immich.run("library_scan", check=check).message
    assert 'Library "2023" of admin@example.net: the server cannot read /mnt/photos/2023 (' in message and message.endswith("Nothing was scanned.")
    assert immich.server.mutations == []


def test_a_library_without_folders_stops_the_scan(immich: Any, photos: Path) -> None:
    immich.run("library_scan", name="2023")
    immich.run("library", name="2023", owner="admin@example.net", import_paths=[], allow_removal=True)
    assert "has no import path, so a scan would put all its 10 assets in the trash" in immich.run("library_scan", name="2023").message


def test_without_a_trash_nothing_is_scanned(immich: Any, photos: Path) -> None:
    immich.run("system_config", settings={"trash": {"enabled": False}})
    immich.server.requests.clear()
    assert "The trash is off" in immich.run("library_scan").message and immich.server.mutations == []
    assert immich.run("library_scan", validate=False).changed


def test_a_scan_that_the_server_skips_is_an_error(immich: Any, photos: Path) -> None:
    immich.run("library_scan", name="2023")
    shutil.rmtree(photos / "2023")
    assert 'did not go through the folders of library "2023"' in immich.run("library_scan", name="2023", validate=False).message


def test_a_small_key_says_how_to_scan(immich: Any, photos: Path) -> None:
    key = immich.log_in("api_key", name="small", purposes=["scan"])["secret"]
    if immich.server.running.version < (1, 136, 0):
        assert immich.run("library_scan", api_key=key).changed, "any key may ask there"
        return
    assert "set validate: false to scan unchecked" in immich.run("library_scan", api_key=key).message
    assert immich.run("library_scan", api_key=key, validate=False).changed


def test_paused_or_busy_is_told(immich: Any, photos: Path) -> None:
    immich.run("queue", name="library", state="paused")
    assert "Queue library is paused" in immich.run("library_scan").message
    immich.run("queue", name="library", state="resumed")
    immich.server.job_seconds(0.5)
    immich.run("library_scan", wait=False, name="2023")
    assert "busy with libraries already" in immich.run("library_scan").message
    immich.server.job_seconds(0.005)


def test_not_waiting_counts_nothing(immich: Any, photos: Path) -> None:
    started = immich.run("library_scan", wait=False)
    assert started.changed and {item["action"] for item in started["libraries"]} == {"started"} and "owners" not in started.data
    immich.server.wait()


def test_missing_and_ambiguous_names_are_told_at_once(immich: Any, photos: Path) -> None:
    immich.run("user", users=[{"email": "mum@example.net", "name": "Mum", "password": "secret-123"}])
    immich.run("library", name="2023", owner="mum@example.net", import_paths=["/mnt/photos/2023"], allow_overlap=True)
    message = immich.run("library_scan", libraries=[{"name": "2023"}, {"name": "Scans"}]).message
    assert 'Library "2023" is there 2 times' in message and "give owner" in message and 'Library "Scans" does not exist; the server has "2023"' in message
    assert immich.run("library_scan", name="2023", owner="mum@example.net", check=True).changed
    twins = [{"id": number, "name": "2023", "ownerId": "mum"} for number in ("1", "2")]
    with pytest.raises(PlanErrors, match=r"is there 2 times \(1 of m@example.net, 2 of m@example.net\); rename one of them"):
        scans.chosen(twins, {"mum": "m@example.net"}, [{"name": "2023", "owner": "m@example.net"}])
