# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup of one volume against a VolSync that does what the real one does, success of an empty folder and endless retries included."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.shared import ConfigMap
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import Unreachable
from ansible_collections.homelab.immich.plugins.module_utils.volume_backup.config import Config, ConfigError
from ansible_collections.homelab.immich.plugins.module_utils.volume_backup.run import Backup, Outcome
from ansible_collections.homelab.immich.plugins.module_utils.volume_backup.volsync import Replication

REPOSITORY = "s3:https://s3.example.net/bucket/media"
SOURCE = "/apis/volsync.backube/v1alpha1/namespaces/immich/replicationsources/immich-media"
MEMORY = "/api/v1/namespaces/immich/configmaps/immich-backup-memory"


class VolSync:
    """The state machine of VolSync (internal/controller/statemachine) and what its restic mover says (entry.sh, logfilter.go), a step a look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec: dict[str, Any] = {"paused": True, "trigger": {"manual": "not-yet"}}  # as the role makes it
        self.status: dict[str, Any] = {"lastSyncStartTime": "at the beginning"}
        self.memory: dict[str, Any] = {"metadata": {"resourceVersion": "1"}}
        self.copy: int | None = None  # files of a snapshot that was taken when the sync began
        self.snapshots: list[int] = []
        self.broken = self.away = False
        self.does: Callable[[], None] = lambda: None  # what happens while the mover runs
        self.sees: Callable[[], int] = lambda: sum(1 for path in folder.rglob("*") if path.is_file())
        self.managers: set[str] = set()

    def call(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        if self.away:
            raise Unreachable("The Kubernetes API does not answer")
        if path == MEMORY:
            if method == "PUT":
                assert body is not None
                self.memory = json.loads(json.dumps(body))
            return 200, json.loads(json.dumps(self.memory))
        assert path == SOURCE
        if method == "PATCH":
            assert body is not None and set(body) == {"spec"} and set(body["spec"]) <= {"paused", "trigger"}
            self.spec |= body["spec"]
        else:
            self.step()
        return 200, {"spec": self.spec, "status": json.loads(json.dumps(self.status))}

    def step(self) -> None:
        if "lastSyncStartTime" in self.status and not self.spec["paused"]:
            self.does()
            files = self.copy if self.copy is not None else self.sees()
            self.copy = None
            if self.broken:
                self.status["latestMoverStatus"] = {"result": "Failed", "logs": "Fatal: unable to open config file\nERROR: failure connecting to repository"}
                return  # and again, for ever
            logs = "== Directory is empty skipping backup ===\n"
            if files:
                self.snapshots.append(files)
                logs = f"using parent snapshot 1\nprocessed {files} files, 5.1 GiB in 0:10\nsnapshot {len(self.snapshots):08x} saved\n"
            self.status["latestMoverStatus"] = {"result": "Successful", "logs": f"{logs}Restic completed in 12s"}
            self.status |= {"lastManualSync": self.spec["trigger"]["manual"]}
            del self.status["lastSyncStartTime"]
        elif "lastSyncStartTime" not in self.status and self.spec["trigger"]["manual"] != self.status.get("lastManualSync"):
            self.status["lastSyncStartTime"] = "now"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export with 40 files, and its sentinel."""
    media = tmp_path / "data"
    (media / ".immich-guard" / "immich").mkdir(parents=True)
    (media / "upload" / "a").mkdir(parents=True)
    for number in range(40):
        (media / "upload" / "a" / f"{number}.jpg").write_text("x")
    return media


@pytest.fixture
def volsync(folder: Path) -> VolSync:
    return VolSync(folder)


def config(folder: Path, **changes: Any) -> Config:
    told = {"volume": "media", "source": "immich-media", "mount": str(folder), "repository": REPOSITORY, "memory": "immich-backup-memory"}
    return Config.read(told | {"sentinels": [str(folder / ".immich-guard" / "immich")]} | changes)


def run(volsync: VolSync, repository: str = REPOSITORY, **changes: Any) -> Outcome:
    seconds = iter(range(0, 10**9, 60))
    replication, memory = Replication(volsync.call, "immich", "immich-media"), ConfigMap(volsync.call, "immich", "immich-backup-memory")
    return Backup(config(volsync.folder, **changes), replication, memory, repository, sleep=lambda _s: None, clock=lambda: float(next(seconds))).run()


def empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_good_backup_is_remembered_and_the_next_one_too(volsync: VolSync) -> None:
    outcome = run(volsync)
    assert outcome == Outcome("backed up", f"Backup of volume media is done: 40 files in snapshot 00000002 of {REPOSITORY}.")
    assert json.loads(volsync.memory["data"]["immich-media.json"])["files"] == 40
    assert run(volsync).word == "backed up" and volsync.snapshots == [40, 40, 40]  # the first one twice: what was held since it was made can be old


def test_an_old_copy_that_was_held_is_not_taken_for_a_backup(volsync: VolSync) -> None:
    volsync.copy = 0  # VolSync made its snapshot when the object was made, before Immich had a file
    assert run(volsync).word == "backed up" and volsync.snapshots == [40]


def test_nothing_runs_before_somebody_looked(volsync: VolSync) -> None:
    for _look in range(5):
        volsync.step()
    assert volsync.snapshots == []


@pytest.mark.parametrize("what", ["unmounted", "empty", "another export"])
def test_a_volume_that_is_not_there_is_a_failure(volsync: VolSync, folder: Path, what: str) -> None:
    run(volsync)
    empty(folder)
    if what == "empty":
        (folder / ".immich-guard" / "immich").mkdir(parents=True)
    elif what == "another export":
        (folder / "films").mkdir()
        (folder / "films" / "1.mov").write_text("x")
    outcome, before = run(volsync), list(volsync.snapshots)
    assert outcome.word == "refused" and ("has no file" if what == "empty" else ".immich-guard/immich is not there") in outcome.message
    assert "Nothing was backed up" in outcome.message and volsync.snapshots == before


def test_files_that_are_gone_are_not_backed_up_away(volsync: VolSync, folder: Path) -> None:
    run(volsync)
    for number in range(5):
        (folder / "upload" / "a" / f"{number}.jpg").unlink()
    outcome = run(volsync)
    assert outcome.word == "refused"
    assert "it has 35 files, 5 fewer than the last good backup (limit 4, 10%)" in outcome.message
    assert '-e \'{"immich_backup_accept": {"media": 5}}\'' in outcome.message
    assert run(volsync, accept=4).word == "refused"
    assert run(volsync, accept=5).word == "backed up"
    assert run(volsync).word == "backed up"  # 35 is what there is now


def test_a_few_files_may_go(volsync: VolSync, folder: Path) -> None:
    run(volsync)
    for number in range(4):
        (folder / "upload" / "a" / f"{number}.jpg").unlink()
    assert run(volsync).word == "backed up"


def test_a_mover_that_sees_nothing_is_no_success(volsync: VolSync) -> None:
    run(volsync)
    volsync.sees = lambda: 0  # on its node the export is not mounted
    outcome = run(volsync)
    assert outcome.word == "incomplete" and "made no snapshot" in outcome.message and volsync.spec["paused"]


def test_a_snapshot_with_fewer_files_than_the_volume_is_no_success(volsync: VolSync) -> None:
    run(volsync)
    volsync.sees = lambda: 30
    outcome = run(volsync)
    assert outcome.word == "incomplete" and "has 30 files, the volume had 40 (limit 4, 10%)" in outcome.message
    assert json.loads(volsync.memory["data"]["immich-media.json"])["files"] == 40  # what is remembered is the last good one


def test_a_volume_that_goes_away_meanwhile_is_no_success(volsync: VolSync, folder: Path) -> None:
    run(volsync)
    volsync.sees = lambda: 40
    volsync.does = lambda: empty(folder)
    outcome = run(volsync)
    assert outcome.word == "incomplete" and "while the volume went away" in outcome.message


def test_a_failure_is_told_and_not_tried_again_without_a_look(volsync: VolSync) -> None:
    run(volsync)
    volsync.broken = True
    outcome = run(volsync)
    assert outcome.word == "failed" and "failure connecting to repository" in outcome.message and volsync.spec["paused"]
    tries = volsync.status["latestMoverStatus"]
    volsync.broken = False
    volsync.step()
    assert volsync.status["latestMoverStatus"] is tries and len(volsync.snapshots) == 2  # VolSync is held
    assert run(volsync).word == "backed up"


def test_what_still_fails_is_a_failure_again(volsync: VolSync) -> None:
    volsync.broken = True
    assert [run(volsync).word for _time in range(3)] == ["failed"] * 3


def test_one_that_never_ends(volsync: VolSync) -> None:
    run(volsync)
    volsync.step = lambda: None  # type: ignore[method-assign]
    outcome = run(volsync, wait=3600)
    assert outcome.word == "failed" and "did not end in 3600 s" in outcome.message and volsync.spec["paused"]


def test_an_api_server_that_restarts_meanwhile(volsync: VolSync) -> None:
    run(volsync)
    count, step = iter(range(100)), volsync.step

    def rest() -> None:
        if 1 <= next(count) < 4:
            raise Unreachable("restarting")
        step()

    volsync.step = rest  # type: ignore[method-assign]
    assert run(volsync).word == "backed up"


def test_an_api_server_that_is_gone(volsync: VolSync) -> None:
    volsync.away = True
    with pytest.raises(Unreachable):
        run(volsync)


@pytest.mark.parametrize("secret", ["", "s3:https://s3.example.net/bucket/other"])
def test_a_secret_for_another_repository(volsync: VolSync, secret: str) -> None:
    outcome = run(volsync, repository=secret)
    assert outcome.word == "refused" and f"RESTIC_REPOSITORY of its Secret is not {REPOSITORY}" in outcome.message


def test_what_cannot_be_read_is_not_left_out_silently(volsync: VolSync, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def denied(path: str) -> Any:
        if str(path).endswith("upload"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    outcome = run(volsync)
    assert outcome.word == "refused" and f"{folder}/upload cannot be read (Permission denied)" in outcome.message


def test_a_memory_that_is_damaged_is_none(volsync: VolSync) -> None:
    volsync.memory["data"] = {"immich-media.json": "[}"}
    assert run(volsync).word == "backed up"


@pytest.mark.parametrize(
    ("changes", "said"), [({"sort": 1}, "sort is not known"), ({"mount": ""}, "mount is missing"), ({"max_removed": "a lot"}, "max_removed is 'a lot'")]
)
def test_a_config_that_cannot_be(folder: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config(folder, **changes)
