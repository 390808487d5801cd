# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database backups, and what is proved about them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich import backups
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError


def lists(immich: Any) -> bool:
    """Whether this version lists its backups."""
    return immich.server.running.version >= (2, 5, 0)


def older(immich: Any) -> Any:
    """Date the backups back, so that the next one has a name of its own."""
    folder = immich.server.instance.mounts[-1].folder / "backups"
    for number, path in enumerate(sorted(folder.glob("immich-db-backup-*"))):
        path.rename(folder / f"immich-db-backup-2026010{number + 1}T020000-v1.2.3-pg17.10.sql.gz")
    return folder


def test_a_backup_is_made_and_proved(immich: Any) -> None:
    assert immich.run("database_backup", check=True).changed
    first = immich.run("database_backup")
    assert first.changed and "no job failed" in first["proved"]
    folder = older(immich)
    second = immich.run("database_backup")
    assert len(list(folder.glob("immich-db-backup-*"))) == 2
    if not lists(immich):
        assert second["backup"] is None and second["proved"] == ["no job failed"]
        assert "that there is a new file: the server lists its backups from v2.5 on" in second["not_proved"] and "does not list" in second.warnings[0]
        return
    assert (folder / second["backup"]["filename"]).stat().st_size == second["backup"]["size"] and second["backup"]["age"] < 0.1
    assert second["previous"]["filename"].startswith("immich-db-backup-20260101T") and "its size is at least 50 % of that of the last one" in second["proved"]


def test_a_fresh_backup_will_do(immich: Any) -> None:
    immich.run("database_backup")
    again = immich.run("database_backup", max_age=26)
    if not lists(immich):
        assert again.changed, "nobody knows how old it is"
        return
    assert not again.changed and again["backup"]["filename"] and "it is not older than 26 hours" in again["proved"]
    assert not immich.run("database_backup", max_age=26, check=True).changed
    older(immich)
    assert immich.run("database_backup", max_age=26).changed


def test_a_backup_that_fails_is_an_error(immich: Any) -> None:
    immich.server.break_backups("fail")
    assert "The database backup failed" in immich.run("database_backup").message


def test_a_backup_much_smaller_than_the_last_is_an_error(immich: Any) -> None:
    immich.run("database_backup")
    folder = older(immich)
    (path,) = folder.glob("immich-db-backup-*")
    path.write_bytes(path.read_bytes() * 9)
    if lists(immich):
        assert "less than 50 % of the last one" in immich.run("database_backup").message
    else:
        assert immich.run("database_backup").changed


def test_a_paused_queue_is_told(immich: Any) -> None:
    immich.run("queue", name="backupDatabase", state="paused")
    for check in (True, False):
        assert "backupDatabase is paused" in immich.run("database_backup", check=check).message


def test_not_waiting_proves_nothing(immich: Any) -> None:
    result = immich.run("database_backup", wait=False)
    assert result.changed and result["proved"] == [] and result["not_proved"] == ["anything: it was not waited for"]
    immich.server.wait()


def test_nonsense_is_refused(immich: Any) -> None:
    assert "min_size is 101" in immich.run("database_backup", min_size=101).message
    assert "'Nowhere/x' is not a time zone" in immich.run("database_backup", timezone="Nowhere/x").message


# --- pure


NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)


def backup(name: str, size: int = 100, made: datetime.datetime | None = NOW) -> backups.Backup:
    return backups.Backup(name, size, made)


@pytest.mark.parametrize(
    ("hours", "good"), [(1, True), (25.9, True), (26.1, False), (-0.05, True), (-2, False)], ids=["young", "just", "old", "clock", "another time zone"]
)
def test_how_old_a_backup_is(hours: float, good: bool) -> None:
    made = NOW - datetime.timedelta(hours=hours)
    assert (backups.fresh([backup("a", made=made)], 26, NOW) is not None) is good


def test_an_empty_or_undated_backup_is_not_fresh() -> None:
    assert backups.fresh([], 26, NOW) is None and backups.fresh([backup("a", 0)], 26, NOW) is None and backups.fresh([backup("a", made=None)], 26, NOW) is None


def test_no_new_file_is_no_backup() -> None:
    with pytest.raises(ImmichError, match="lists no new backup"):
        backups.prove({"a": 100}, [backup("a")], 50)
    with pytest.raises(ImmichError, match="is empty"):
        backups.prove({}, [backup("a", 0)], 50)


def test_time_zones_of_names() -> None:
    class Api:
        def get(self, *_args: Any, **_kwargs: Any) -> Any:
            stamped = "immich-db-backup-20261121T130000-v3.3.5-pg17.10.sql.gz"
            others = ["uploaded-x.sql.gz", "restore-point-immich-db-backup-20261121T130000-v3.3.5-pg17.10.sql.gz"]
            zones = ({"timezone": "Europe/Berlin"}, {}, {"timezone": "garbage"})
            items = [{"filename": stamped.replace("pg17", f"pg{index}"), "filesize": 1} | zone for index, zone in enumerate(zones)]
            return {"backups": [*items, *({"filename": name, "filesize": 1} for name in others)]}

    found = {item.filename: item.made for item in backups.list_backups(Api(), backups.zone("Asia/Tokyo"))}  # type: ignore[arg-type]
    assert [made and made.astimezone(datetime.UTC).hour for _name, made in sorted(found.items())] == [12, 4, 4]
