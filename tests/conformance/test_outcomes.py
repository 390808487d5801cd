# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user gets from the modules, whatever the version of the server. The first line of each test is its row in the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_account(immich: Any) -> None:
    """a user is made, changed, and left alone"""
    wanted = {"users": [{"email": immich.new_email(), "name": "Mum", "password": "a-long-password-1", "quota": "10Gi", "storage_label": "mum"}]}
    assert immich.run("user", check=True, **wanted).changed
    assert immich.run("user", **wanted).changed
    assert not immich.run("user", **wanted).changed
    (user,) = [user for user in immich.users if user["email"] == immich.made[0]]
    assert (user["quotaSizeInBytes"], user["storageLabel"], user["isAdmin"]) == (10 * 1024**3, "mum", False)
    wanted["users"][0]["quota"] = "unlimited"
    assert immich.run("user", **wanted).changed and not immich.run("user", **wanted).changed
    assert [user["quotaSizeInBytes"] for user in immich.users if user["email"] == immich.made[0]] == [None]


def test_deleted_account(immich: Any) -> None:
    """a deleted user comes back when asked for, and only then"""
    user = {"email": immich.new_email(), "name": "Dad", "password": "a-long-password-1"}
    immich.run("user", users=[user])
    assert immich.run("user", users=[{"email": user["email"], "state": "absent"}]).changed
    assert not immich.run("user", users=[{"email": user["email"], "state": "absent"}]).changed
    assert "restore" in immich.run("user", users=[user]).message
    assert immich.run("user", users=[{**user, "restore": True}]).changed
    assert not immich.run("user", users=[user]).changed


def test_settings(immich: Any) -> None:
    """a setting is changed and no other with it"""
    before = immich.config
    wanted = {"settings": {"trash": {"days": before["trash"]["days"] + 3}}}
    assert immich.run("system_config", check=True, **wanted)["updated"] == ["trash.days"]
    assert immich.config == before
    assert immich.run("system_config", **wanted)["updated"] == ["trash.days"]
    assert not immich.run("system_config", **wanted).changed
    after = immich.config
    assert after.pop("trash") == {**before.pop("trash"), **wanted["settings"]["trash"]} and after == before


def test_unknown_setting(immich: Any) -> None:
    """a setting that the server does not have is refused before anything changes"""
    before = immich.config
    assert "trash.dayz" in immich.run("system_config", settings={"trash": {"dayz": 1}}).message
    assert immich.config == before


def test_timer(immich: Any) -> None:
    """the timer of scans is turned off and stays off"""
    immich.run("scan_schedule", enabled=True, cron="0 3 * * *")
    assert immich.config["library"]["scan"] == {"enabled": True, "cronExpression": "0 3 * * *"}
    assert immich.run("scan_schedule").changed and not immich.run("scan_schedule").changed
    assert immich.config["library"]["scan"]["enabled"] is False and immich.config["library"]["watch"]["enabled"] is False


def test_key_of_least_privilege(immich: Any) -> None:
    """a key for libraries may manage libraries and nothing else"""
    made = immich.logged_in("api_key", name=f"{immich.mark} least", purposes=["libraries"])
    assert made.changed
    key = made["secret"]
    assert immich.run("library", api_key=key, **immich.library()).changed
    refused = immich.run("system_config", api_key=key, settings={"trash": {"days": 31}})
    if immich.version >= (1, 136, 0):  # before, settings took an administrator's key whatever its permissions; the permission systemConfig.* came with it
        assert "ermission" in refused.message
    assert not immich.logged_in("api_key", api_key=key, name=f"{immich.mark} least", purposes=["libraries"]).changed


def test_rotation(immich: Any) -> None:
    """a key gets a new secret: the old one ends, name and permissions stay"""
    named = {"name": f"{immich.mark} rotated", "permissions": ["all"]}
    old = immich.logged_in("api_key", **named)["secret"]
    assert immich.logged_in("api_key", check=True, api_key=old, rotate=True, **named).changed
    new = immich.logged_in("api_key", api_key=old, rotate=True, **named)["secret"]
    assert immich.run("library_info", api_key=new)["libraries"] == []
    assert "API key" in immich.run("library_info", api_key=old).message
    assert not immich.logged_in("api_key", api_key=new, **named).changed
    assert immich.logged_in("api_key", state="absent", name=named["name"]).changed
    assert not immich.logged_in("api_key", state="absent", name=named["name"]).changed


def test_library(immich: Any) -> None:
    """a library is made, changed, found again and removed"""
    (immich.photos / "2024").mkdir()
    assert immich.run("library", check=True, **immich.library()).changed and immich.libraries == []
    assert immich.run("library", **immich.library()).changed
    assert not immich.run("library", **immich.library()).changed
    narrower = immich.library(import_paths=[str(immich.photos / "2024")], exclusion_patterns=["**/raw/**"])
    assert immich.run("library", check=True, **narrower).changed
    assert immich.run("library", **narrower).changed
    (library,) = immich.libraries
    assert (library["importPaths"], library["exclusionPatterns"]) == ([str(immich.photos / "2024")], ["**/raw/**"])
    assert immich.run("library", **immich.library(), state="absent").changed and immich.libraries == []
    assert not immich.run("library", **immich.library(), state="absent").changed


def test_missing_path(immich: Any) -> None:
    """a library over a folder that the server does not see is refused, and none is left behind"""
    assert str(immich.photos / "nowhere") in immich.run("library", **immich.library(import_paths=[str(immich.photos / "nowhere")])).message
    assert immich.libraries == []


def test_ambiguous_library(immich: Any) -> None:
    """two libraries of one name are an error that lists both"""
    for name in ("one", "two"):
        (immich.photos / name).mkdir()
        body = {"ownerId": immich.ask("GET", "/users/me")["id"], "name": immich.mark, "importPaths": [str(immich.photos / name)]}
        immich.ask("POST", "/libraries", body)
    message = immich.run("library", **immich.library()).message
    assert all(library["id"] in message for library in immich.libraries)


@pytest.fixture
def indexed(immich: Any) -> list[Path]:
    """A library with four photos in it."""
    files = [immich.photo(f"2024/{number}.jpg") for number in range(4)]
    immich.run("library", **immich.library())
    immich.run("library_scan", libraries=[{"name": immich.mark, "owner": immich.email}])
    assert immich.assets() == (4, 0)
    return files


def test_scan(immich: Any, indexed: list[Path]) -> None:
    """a scan finds new photos, and has ended when the module ends"""
    immich.photo("2025/new.jpg")
    assert immich.run("library_scan", libraries=[{"name": immich.mark, "owner": immich.email}]).changed
    assert immich.assets() == (5, 0)


def test_gone_and_back(immich: Any, indexed: list[Path]) -> None:
    """photos that are gone go to the trash, and come out of it when they are back"""
    content = indexed[0].read_bytes()
    indexed[0].unlink()
    immich.run("library_scan", libraries=[{"name": immich.mark, "owner": immich.email}])
    assert immich.assets() == (3, 1)
    indexed[0].write_bytes(content)
    immich.run("library_scan", libraries=[{"name": immich.mark, "owner": immich.email}])
    assert immich.assets() == (4, 0)


@pytest.fixture
def guard(immich: Any, indexed: list[Path], tmp_path: Path) -> dict[str, Any]:
    """Options of a guarded scan, whose sentinel is there."""
    sentinel = immich.photos / ".immich-guard" / "photos"
    sentinel.mkdir(parents=True)
    libraries = [{"name": immich.mark, "owner": immich.email, "scan": {"max_removed": "1%"}}]
    return {"libraries": libraries, "memory": str(tmp_path / "guard"), "sentinels": [str(sentinel)]}


def test_guarded_scan(immich: Any, guard: dict[str, Any]) -> None:
    """a guarded scan finds what is new, and does not take an export that is not mounted for an empty one"""
    immich.photo("2025/new.jpg")
    assert immich.run("guarded_scan", **guard).changed
    assert immich.assets() == (5, 0)
    immich.photos.rename(immich.photos.with_name("away"))
    immich.photos.mkdir()
    try:
        assert guard["sentinels"][0] in immich.run("guarded_scan", **guard).message
    finally:
        immich.photos.rmdir()
        immich.photos.with_name("away").rename(immich.photos)
    assert immich.assets() == (5, 0)


def test_brake(immich: Any, guard: dict[str, Any], indexed: list[Path]) -> None:
    """a scan that trashed more than it may stops the nightly purge until somebody releases it"""
    assert immich.run("guarded_scan", **guard).changed
    before = immich.config
    for photo in indexed[:2]:
        photo.unlink()
    assert "brake" in immich.run("guarded_scan", **guard).message
    assert immich.assets() == (2, 2)
    braked = immich.config
    assert braked["trash"]["days"] > 3000 if immich.version < (1, 136, 0) else braked["nightlyTasks"]["databaseCleanup"] is False
    assert immich.run("brake", memory=guard["memory"], state="released").changed
    assert immich.config == before


def test_removal_is_refused(immich: Any, indexed: list[Path]) -> None:
    """a library with photos in it is not removed unless that is said"""
    message = immich.run("library", **immich.library(), state="absent").message
    assert "4 assets" in message and "allow_removal" in message
    assert immich.assets() == (4, 0)


def test_queue(immich: Any) -> None:
    """a queue is paused, stays paused, and goes on"""
    assert immich.run("queue", check=True, name="thumbnailGeneration", state="paused").changed
    assert immich.run("queue", name="thumbnailGeneration", state="paused").changed
    assert not immich.run("queue", name="thumbnailGeneration", state="paused").changed
    assert immich.run("queue", name="thumbnailGeneration", state="resumed").changed


def test_work(immich: Any, indexed: list[Path]) -> None:
    """a queue goes through all assets again, and is waited for"""
    immich.run("queue", state="idle")
    assert immich.run("queue", name="metadataExtraction", state="started", force=True, wait=True).changed
    (queue,) = immich.run("queue_info", name="metadataExtraction")["queues"]
    assert queue["idle"]


def test_server_info(immich: Any) -> None:
    """the server says its version, and who owns its settings"""
    info = immich.run("server_info")
    assert info["version"] == ".".join(map(str, immich.version)) and info["settings_owner"] == "api"


def test_backup(immich: Any) -> None:
    """a backup of the database is made, and proved as far as this version can"""
    assert immich.run("database_backup", check=True).changed
    made = immich.run("database_backup")
    assert made.changed
    if immich.version >= (2, 5, 0):
        assert made["backup"]["filename"] in [entry["filename"] for entry in immich.ask("GET", "/admin/database-backups")["backups"]]


def test_good_backup(immich: Any) -> None:
    """a backup that is young enough will do, and no other is made"""
    if immich.version < (2, 5, 0):
        assert immich.run("database_backup", max_age=1).changed  # nobody can tell the age
        pytest.skip("the server does not list its backups")
    made = immich.run("database_backup")["backup"]["filename"]
    again = immich.run("database_backup", max_age=1)
    assert (again.changed, again["backup"]["filename"]) == (False, made)


def test_integrity(immich: Any) -> None:
    """what the integrity checks found is counted and listed"""
    result = immich.run("integrity_info", types=["missing_file"])
    if immich.version < (3, 0, 0):
        immich.cannot(result, "integrity", "3.0")
    assert set(result["summary"]) == {"missing_file", "untracked_file", "checksum_mismatch"}
    assert len(result["findings"]) == result["summary"]["missing_file"]


def test_maintenance(immich: Any) -> None:
    """maintenance mode begins, is seen, and ends with its token only"""
    if immich.version < (2, 3, 0):
        immich.cannot(immich.run("maintenance", enabled=True), "maintenance", "2.3")
    assert immich.run("maintenance", enabled=True, check=True).changed
    token = immich.run("maintenance", enabled=True)["token"]
    try:
        assert immich.run("server_info", api_key=None)["maintenance"] is True
        assert not immich.run("maintenance", enabled=True).changed
        assert "maintenance" in immich.run("library_info").message
        assert "token" in immich.run("maintenance", enabled=False).message
    finally:
        assert immich.run("maintenance", enabled=False, token=token).changed
    assert not immich.run("maintenance", enabled=False).changed
    assert immich.run("library_info")["libraries"] == []
