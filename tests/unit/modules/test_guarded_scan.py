# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module around the guard: its result, check mode, and what a task says. What the guard does in a fault is in tests/faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ENTRY: dict[str, Any] = {"name": "NAS", "owner": "admin@example.net", "import_paths": ["/mnt/photos"], "scan": {"schedule": "0 3 * * *", "max_removed": "1%"}}


@pytest.fixture
def photos(immich: Any) -> Path:
    """Ten photos in a library, below a sentinel."""
    folder = immich.server.instance.mounts[0].folder
    for number in range(10):
        (folder / "2024" / f"{number}.jpg").write_bytes(b"a photo")
    (folder / ".immich-guard" / "photos").mkdir(parents=True)
    immich.run("library", name="NAS", owner="admin@example.net", import_paths=["/mnt/photos"])
    return folder


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {"memory": str(tmp_path / "memory"), "libraries": [ENTRY], "sentinels": ["/mnt/photos/.immich-guard/photos"]}


def test_it_scans_and_says_what_came_of_it(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    would = immich.run("guarded_scan", check=True, **options)
    assert would.changed and would["libraries"][0]["outcome"] == "planned"
    assert not Path(options["memory"]).exists()
    scan = immich.run("guarded_scan", **options)
    (library,) = scan["libraries"]
    assert scan.changed and (library["outcome"], library["trashed"]) == ("scanned", 0)
    assert library["message"] == 'Scan of library "NAS" of admin@example.net done: 10 new assets, 0 into the trash.'
    assert list(scan.after) == ['library "NAS" of admin@example.net']
    nothing = immich.run("guarded_scan", **{**options, "libraries": [{**ENTRY, "state": "absent"}]})
    assert not nothing.changed and nothing["libraries"] == []


def test_a_plan_says_what_is_new_and_what_is_gone(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    look = {**options, "view": "mount", "folders": {"/mnt/photos": str(photos)}}
    first = immich.run("guarded_scan", check=True, **look)["libraries"][0]["plan"]
    assert (first["known"], first["found"]) == (None, 10)
    immich.run("guarded_scan", **look)
    (photos / "2024" / "0.jpg").unlink()
    (photos / "2023" / "new.jpg").write_bytes(b"a photo")
    plan = immich.run("guarded_scan", check=True, **look)["libraries"][0]["plan"]
    assert (plan["known"], plan["found"], plan["added"], plan["removed"]) == (10, 10, 1, 1)
    assert plan["examples"]["removed"] == ["/mnt/photos/2024/0.jpg"] and plan["examples"]["added"] == ["/mnt/photos/2023/new.jpg"]


def test_a_refusal_fails_the_task_and_names_what_would_let_it_through(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    look = {**options, "view": "mount", "folders": {"/mnt/photos": str(photos)}}
    immich.run("guarded_scan", **look)
    for number in range(3):
        (photos / "2024" / f"{number}.jpg").unlink()
    before = len(immich.server.mutations)
    message = immich.run("guarded_scan", **look).message
    assert "it would trash 3 of 10 assets (limit 1, 1%)" in message and """-e '{"immich_scan_accept": {"NAS": 3}}'""" in message
    assert immich.run("guarded_scan", **look, accept={"NAS": 2}).failed and immich.run("guarded_scan", **look, accept={"other": 3}).failed
    assert immich.server.mutations[before:] == []
    accepted = immich.run("guarded_scan", **look, accept={"NAS": 3})
    assert accepted["libraries"][0]["trashed"] == 3
    (photos / "2024" / "5.jpg").unlink()
    (photos / "2024" / "6.jpg").unlink()
    assert immich.run("guarded_scan", **look, accept={"NAS": 3}).failed  # an old acceptance


def test_a_refused_library_does_not_hold_up_the_others(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    assert immich.run("library", name="Old", owner="admin@example.net", import_paths=["/mnt/photos/2023"], allow_overlap=True).changed
    (photos / "2023").rmdir()
    result = immich.run("guarded_scan", **{**options, "libraries": [{"name": "Old", "owner": "admin@example.net"}, ENTRY]})
    assert result.failed and [library["outcome"] for library in result.data["libraries"]] == ["refused", "scanned"]
    assert 'Scan of library "Old" of admin@example.net refused: /mnt/photos/2023' in result.message


def test_what_is_wrong_with_the_limits_is_said_before_anything_is_asked(immich: Any, options: dict[str, Any]) -> None:
    def message(**scan: Any) -> str:
        return immich.run("guarded_scan", **{**options, "libraries": [{**ENTRY, "scan": scan}]}).message

    assert message(max_removed="half").startswith("max_removed is 'half'; write a count such as 100")
    assert message(settle="10").startswith("settle is '10'; write a number and its unit")
    assert message(quiet_hours="at night").startswith("quiet_hours is 'at night'; write when they begin and end")
    assert message(max_remove=3).startswith('scan of library "NAS" has max_remove; it may have ')
    assert immich.run("guarded_scan", **options, only=["x"]).message == "only names x, which is not among libraries; they are NAS."
    assert immich.server.requests == []


def test_files_that_still_arrive_and_too_few_files(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    def outcome(**scan: Any) -> tuple[str, str]:
        look = {**options, "view": "mount", "folders": {"/mnt/photos": str(photos)}, "libraries": [{**ENTRY, "scan": scan}]}
        (library,) = immich.run("guarded_scan", **look).data["libraries"]
        return library["outcome"], library["message"]

    put_off, why = outcome(settle="1h")
    assert put_off == "later" and "files are still arriving" in why
    refused, why = outcome(min_files=11)
    assert refused == "refused" and "only 10 files are there (min_files 11)" in why
    assert outcome(min_files=10, settle="0")[0] == "scanned"


def test_a_backup_that_is_too_old(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    immich.run("guarded_scan", **options)  # an empty library has nothing to lose
    result = immich.run("guarded_scan", **{**options, "libraries": [{**ENTRY, "scan": {"max_age_of_backup": "26h"}}]})
    backups = immich.run("server_info")["version"] >= "2.5"
    assert ("no database backup is younger than 26 h (there is none)" if backups else "does not tell its backups") in result.message
    assert immich.server.running.db["libraries"]


def test_two_guards_at_once(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State

    with State(options["memory"]).alone():
        assert "Put off: another guard is at work with" in immich.run("guarded_scan", **options).message
        assert immich.run("guarded_scan", check=True, **options)["libraries"][0]["outcome"] == "planned"


def test_a_brake_that_somebody_undid_is_set_again(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    immich.run("brake", memory=options["memory"])
    immich.run("system_config", settings={"library": {"scan": {"enabled": True}}})
    would = immich.run("guarded_scan", check=True, **options)["libraries"][0]
    assert "it would be set again" in would["notes"][0] and immich.server.running.config["library"]["scan"]["enabled"] is True
    (library,) = immich.run("guarded_scan", **options)["libraries"]
    assert "Somebody changed library.scan.enabled while the brake is set; it is set again." in library["notes"][0]
    assert immich.server.running.config["library"]["scan"]["enabled"] is False
    (library,) = immich.run("guarded_scan", **options)["libraries"]
    assert not [note for note in library["notes"] if "Somebody" in note]


def test_a_server_that_restarts_in_the_middle_is_waited_for_although_nobody_can_log_in(immich: Any, photos: Path, options: dict[str, Any]) -> None:
    immich.server.job_seconds(0.7)
    begun = immich.log_in("guarded_scan", **options, look=1)  # the action's slices, cut short
    immich.server.job_seconds(0.005)
    immich.server.faults.bad_gateway(times=1)
    away = immich.log_in("guarded_scan", **options, look=1, resume=begun["resume"])
    assert away["waiting_for"] == "the server to answer again" and away["resume"] == begun["resume"]
    immich.server.wait()
    done = immich.log_in("guarded_scan", **options, resume=away["resume"])
    assert done["libraries"][0]["message"].endswith("done: 10 new assets, 0 into the trash.")
    immich.server.faults.bad_gateway(times=1)
    assert "answered 502" in immich.log_in("guarded_scan", **options).message  # nothing is under way
