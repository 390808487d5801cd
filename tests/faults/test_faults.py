# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault with every version of Immich and each view of the guard: nothing is ever lost, and all is back when the fault is gone."""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.brake import release, set_brake
from ansible_collections.homelab.immich.plugins.module_utils.guard.shared import ConfigMap, Files
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.versions import permissions
from ansible_collections.homelab.immich.rehearsal.immich.dialects import DIALECTS

from .conftest import EMAIL, PHOTOS, Home
from .table import FAULTS, Fault, busy

# how many assets are at stake, and what to do
NEXT_STEP = {
    "scanned": "done",
    "later": r"run again|try again",
    "refused": r"(?s)\d+ (assets|files).*Nothing was changed\. (Put|Mount|Give|Make)",
    "braked": r"(?s)\d+ assets of .*put them back and scan again.* -e immich_brake=released",
    "unbraked": r"(?s)\d+ assets of .*before the server's nightly tasks: run playbooks/brake.yml.*put them back and scan again",
    "failed": r"(try|run) again|run it soon|check|give|correct|see",
}


@pytest.mark.parametrize("version", DIALECTS)
@pytest.mark.parametrize("view", ["server", "mount"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_library_survives(make_home: Callable[..., Home], fault: Fault, view: str, version: str) -> None:
    home = make_home(version, view, file=fault.file)
    report = home.guard()
    assert (report.outcome, home.count(trashed=False)) == ("scanned", PHOTOS), report.message
    assert ("The automatic brake cannot work" in "\n".join(report.notes)) is fault.file
    whole, before = home.assets(), home.settings()
    expected = fault.server if view == "server" else fault.mount

    fault.cause(home)
    report = home.guard(fault.during)
    assert (report.outcome, report.trashed) == (expected.outcome, expected.trashed), report.message
    assert expected.says in "\n".join(report.lines())
    assert re.search(NEXT_STEP[report.outcome], report.message), report.message
    home.hours_later()
    assert home.count(trashed=True) == expected.trashed
    fault.then(home)
    assert home.braked is (expected.outcome in ("braked", "unbraked"))
    assert State(str(home.memory)).brake() is None or home.braked

    home.server.nightly(days=5 / 1440)
    home.server.nightly(days=40)
    assert whole <= home.assets(), "assets were purged"

    fault.mend(home)
    report = home.guard()
    assert report.outcome == "scanned", report.message
    assert whole <= home.assets(visible=True), "assets did not come back"
    if expected.outcome == "braked":
        assert f"assets of {EMAIL} are in the trash, 0 of them from before." in report.notes[-1]
        assert release(home.admin, State(str(home.memory)), check_mode=False, record=lambda change: None) == []
        assert home.settings() == before


@pytest.mark.parametrize("view", ["server", "mount"])
def test_what_a_scan_does_after_the_guard_gave_it_up_is_found_by_the_next_run(make_home: Callable[..., Home], view: str) -> None:
    home = make_home("3.1.0", view)
    assert home.guard().outcome == "scanned"
    whole = home.assets()
    home.server.job_seconds(0.1)  # the crawl ends before the check of what is known begins

    def crawled(home: Home) -> None:
        before = home.admin.get(f"/libraries/{home.library}", doing="look")["refreshedAt"]
        while home.admin.get(f"/libraries/{home.library}", doing="look")["refreshedAt"] == before:
            time.sleep(0.005)
        home.unmount()

    report = home.guard(crawled, gives_up=True)
    assert report.outcome == "failed" and "has not ended: After 1 s it still waits for queue library." in report.message
    home.hours_later()
    home.mount_again()
    assert home.count(trashed=True) == PHOTOS
    report = home.guard()
    assert (report.outcome, report.trashed) == ("braked", PHOTOS) and """{"immich_scan_accept": {"NAS photos": 40}}""" in report.message
    home.server.nightly(days=40)
    assert home.guard().returned == PHOTOS and whole == home.assets(visible=True)


@pytest.mark.parametrize("version", DIALECTS)
def test_the_look_of_every_hour_finds_a_scan_in_the_web_page_and_brakes_before_the_purge(make_home: Callable[..., Home], version: str) -> None:
    home = make_home(version, "mount")
    assert home.guard().outcome == "scanned"
    whole, before = home.assets(), home.settings()
    assert (home.watch().outcome, len(home.server.mutations)) == ("watched", len(home.server.mutations))
    home.set(**{"trash.days": 3})
    home.unmount()
    home.scan_by_hand()
    report = home.watch()
    assert (report.outcome, report.trashed, home.braked) == ("braked", PHOTOS, True)
    assert "was scanned outside the guard" in report.message and "Only then release the brake" in report.message
    home.server.nightly(days=7)
    home.server.nightly(days=40)
    assert home.watch().outcome == "watched" and home.braked  # said once
    home.mount_again()
    assert home.guard().returned == PHOTOS and whole == home.assets(visible=True)
    release(home.admin, State(str(home.memory)), check_mode=False, record=lambda change: None)
    assert home.watch().outcome == "watched" and home.settings() == before


def test_the_look_of_every_hour_forgets_nothing_while_the_brake_is_set_for_another_library(make_home: Callable[..., Home]) -> None:
    home = make_home("3.3.5", "mount")
    assert home.guard().outcome == "scanned"
    memory = State(str(home.memory))
    memory.set_brake({"since": "2026-01-01T00:00:00+00:00", "why": "Films are gone.", "settings": {}})
    home.unmount()
    home.scan_by_hand()
    assert home.watch().outcome == "watched" and home.braked
    memory.set_brake(None)
    assert home.watch().outcome == "braked"


@pytest.mark.parametrize("version", DIALECTS)
def test_the_look_of_every_hour_finds_a_scan_that_could_read_no_folder_at_all(make_home: Callable[..., Home], version: str) -> None:
    """A stale mount is no valid import path: Immich skips the crawl, leaves refreshedAt as it is, and trashes everything all the same."""
    home = make_home(version, "mount")
    assert home.guard().outcome == "scanned"
    whole = home.assets()
    home.disk.breaks(home.photos, errno.ESTALE)
    home.scan_by_hand()
    report = home.watch()
    assert (report.outcome, report.trashed, home.braked) == ("braked", PHOTOS, True)
    assert "could read none of its import paths" in report.message
    home.server.nightly(days=40)
    home.disk.clear()
    assert home.guard().returned == PHOTOS and whole == home.assets(visible=True)


GARBAGE = ("not json", "[]", '{"since": "yesterday", "settings": {}}', '{"since": "2026-01-01T00:00:00", "settings": {}}',
           '{"since": "2026-01-01T00:00:00+00:00", "settings": {"trash.days": 7}}')


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_memory_that_a_person_edited_into_garbage_does_not_keep_the_brake_from_being_set(make_home: Callable[..., Home], garbage: str) -> None:
    home = make_home("3.3.5", "mount")
    assert home.guard().outcome == "scanned"
    home.unmount()
    home.scan_by_hand()
    (home.memory / "brake.json").write_text(garbage)
    (home.memory / "records.jsonl").write_text('{"at": 7}\n[]\n')
    report = home.watch()
    assert (report.outcome, home.braked) == ("braked", True)
    assert any("put back by hand" in note and "nightlyTasks.databaseCleanup was true" in note for note in report.notes)
    home.mount_again()


def test_a_full_memory_does_not_keep_the_brake_from_being_set(make_home: Callable[..., Home], monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home("3.3.5", "mount")
    assert home.guard().outcome == "scanned"
    home.unmount()
    home.scan_by_hand()

    def full(*_given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Files, "write", full)
    report = home.watch()
    assert (report.outcome, home.braked) == ("braked", True)
    assert any("No space left" in note and "put back by hand" in note for note in report.notes)
    home.mount_again()


def test_who_releases_the_brake_while_a_guard_brakes_again_does_not_release_it(make_home: Callable[..., Home]) -> None:
    """Both share one ConfigMap, and each has a lock of its own: another scan loses photos while a person releases."""
    home = make_home("3.3.5", "mount")
    live: dict[str, Any] = {}

    def call(method: str, _path: str, body: Any) -> tuple[int, dict[str, Any]]:
        if method != "GET":
            live.clear()
            live.update(json.loads(json.dumps(body)) | {"metadata": {"resourceVersion": "1"}})
        return (200, json.loads(json.dumps(live))) if live else (404, {})

    def memory() -> State:
        return State(str(home.memory), ConfigMap(call, "immich", "immich-guard-memory"))

    def ignore(_change: object) -> None: ...

    set_brake(home.admin, memory(), {"why": "Photos are gone."}, check_mode=False, record=ignore)
    person = memory()
    forget = person.set_brake

    def meanwhile(facts: Any) -> None:
        set_brake(home.admin, memory(), {"why": "Films are gone, too."}, check_mode=False, record=ignore)
        forget(facts)

    person.set_brake = meanwhile  # type: ignore[method-assign]
    with pytest.raises(ImmichError, match="at this very moment"):
        release(home.admin, person, check_mode=False, record=ignore)
    assert home.braked and (memory().brake() or {})["again"]["why"] == "Films are gone, too."


@pytest.mark.parametrize("view", ["server", "mount"])
def test_an_old_acceptance_lets_as_many_others_not_through(make_home: Callable[..., Home], view: str) -> None:
    """It stands in the config of a CronJob until site.yml is run without it."""
    home = make_home("3.3.5", view)
    assert home.guard().outcome == "scanned"
    lost = 10 if view == "mount" else PHOTOS
    home.accept = {"NAS photos": lost}
    home.hide("2022")
    assert home.guard().outcome == "scanned" and home.count(trashed=True) == 10
    assert home.watch().outcome == "watched" and home.guard().outcome == "scanned"
    home.hide("2023/winter")
    report = home.guard()
    if view == "mount":
        assert report.outcome == "refused" and "was used up by an earlier scan" in report.message and home.count(trashed=True) == 10
    else:
        assert report.outcome == "braked"
    home.bring_back()
    home.accept = {}
    assert home.guard().outcome == "scanned" and home.count(trashed=True) == 0
    home.hide("2022")
    assert home.guard().outcome == ("refused" if view == "mount" else "braked")
    home.accept = {"NAS photos": lost}
    assert home.guard().outcome == "scanned"  # seen anew, and accepted anew
    home.bring_back()


def test_the_first_look_at_an_empty_share_refuses_whatever_is_in_the_trash(make_home: Callable[..., Home]) -> None:
    """There is no list to compare with, nor min_files, nor a sentinel, and the owner has thrown away as much as the library has."""
    home = make_home("3.3.5", "mount")
    home.scan_by_hand()
    home.throw_away(2 * PHOTOS)
    home.unmount()
    (home.photos / ".immich-guard" / "photos").mkdir(parents=True)
    report = home.guard()
    assert report.outcome == "refused" and f"it would trash {PHOTOS} of {PHOTOS} assets" in report.message
    home.mount_again()


def test_the_look_of_every_hour_leaves_what_people_throw_away_alone_and_puts_the_trash_right(make_home: Callable[..., Home]) -> None:
    home = make_home("3.3.5", "mount")
    assert home.guard().outcome == "scanned"
    home.throw_away(20)
    assert home.watch().outcome == "watched"
    home.scan_by_hand()
    assert home.watch().outcome == "watched" and not home.braked
    home.set(**{"trash.enabled": False})
    report = home.watch()
    assert report.outcome == "watched" and report.notes == ["The trash is off; it was set to 30 days first."] and home.settings()["trash.enabled"]
    records = State(str(home.memory)).records()
    assert [entry["outcome"] for entry in records] == ["scanned", "watched"]  # a look that finds nothing leaves no record
    busy(home)
    assert home.watch().outcome == "later"


@pytest.mark.parametrize("version", DIALECTS)
def test_what_does_not_come_back_is_named_with_its_reason(make_home: Callable[..., Home], version: str) -> None:
    home = make_home(version, "server")
    home.add_film("MVIMG_1-MP.mp4")
    assert home.guard().outcome == "scanned"
    home.throw_photo_away("/mnt/photos/2022/IMG_0000.jpg")
    films = home.photos.with_name("media") / "encoded-video"

    def everything_goes(home: Home) -> None:
        home.unmount()
        films.rename(films.with_name("films"))

    assert home.guard(everything_goes).outcome == "braked"
    home.mount_again()
    films.with_name("films").rename(films)
    home.hide("2024/IMG_0003.jpg", "2024/IMG_0007.jpg")
    asked = len(home.server.requests)
    report = home.guard()
    assert (report.outcome, report.returned) == ("scanned", 37)
    place = home.server.running.media_location
    assert report.left == {
        "gone": {"count": 2, "paths": ["/mnt/photos/2024/IMG_0003.jpg", "/mnt/photos/2024/IMG_0007.jpg"]},
        "by_a_person": {"count": 1, "paths": ["/mnt/photos/2022/IMG_0000.jpg"]},
        "films": {"count": 1, "paths": [f"{place}/encoded-video/MVIMG_1-MP.mp4"]},
    }
    said = "\n".join(report.notes)
    assert "2 assets whose file Immich does not find below the import paths (/mnt/photos/2024/IMG_0003.jpg, /mnt/photos/2024/IMG_0007.jpg)" in said
    assert "1 asset that a person put there" in said and "1 film of a motion photo" in said
    assert len([request for request in home.server.requests[asked:] if "/search/" in request.path]) <= 10


def test_of_many_that_do_not_come_back_some_are_named_with_as_many_requests(make_home: Callable[..., Home]) -> None:
    home = make_home("3.3.5", "server")
    assert home.guard().outcome == "scanned"
    assert home.guard(Home.unmount).outcome == "braked"
    home.mount_again()
    home.hide("2022", "2023")
    report = home.guard()
    assert report.left and report.left["gone"]["count"] == 30 and len(report.left["gone"]["paths"]) == 20
    assert "and 25 more). Put the files back and scan again." in "\n".join(report.notes)


@pytest.mark.parametrize("purposes", [["guard", "settings"], ["guard", "settings", "recovery"]])
def test_a_small_key_counts_what_does_not_come_back(make_home: Callable[..., Home], purposes: list[str]) -> None:
    home = make_home("3.3.5", "mount")
    made = home.admin.post("/api-keys", {"name": "small", "permissions": permissions("3.3.5", purposes)}, doing="make a key")
    home.key = made["secret"]
    assert home.guard().outcome == "scanned"
    assert home.guard(Home.unmount).outcome == "braked"
    home.mount_again()
    home.hide("2024/IMG_0003.jpg")
    report = home.guard()
    assert (report.outcome, report.returned) == ("scanned", PHOTOS - 1)
    said = "\n".join(report.notes)
    assert "1 asset of admin@example.net is in the trash, 0 of them from before" in said
    assert ("/mnt/photos/2024/IMG_0003.jpg" in said) is ("recovery" in purposes)
    assert ("only admin@example.net can see" in said) is ("recovery" not in purposes)


@pytest.mark.parametrize("view", ["server", "mount"])
def test_a_thousand_photos_are_removed_while_a_thousand_others_are_added(make_home: Callable[..., Home], view: str) -> None:
    home = make_home("3.3.5", view)
    (home.photos / "old").mkdir()
    for number in range(1000):
        (home.photos / "old" / f"{number}.jpg").write_bytes(b"an old photo")
    assert home.guard().outcome == "scanned"
    whole = home.assets()
    home.hide("old")
    (home.photos / "new").mkdir()
    for number in range(1000):
        (home.photos / "new" / f"{number}.jpg").write_bytes(b"a new photo")
    report = home.guard()
    if view == "mount":
        assert report.outcome == "refused" and home.count(trashed=True) == 0
        assert "it would trash 1,000 of 1,040 assets (limit 11, 1%)" in report.message and "1,000 files are new" in report.message
    else:
        assert (report.outcome, report.trashed, home.braked) == ("braked", 1000, True)
    home.server.nightly(days=40)
    assert whole <= home.assets()
    home.bring_back()
    assert home.guard().outcome == "scanned" and whole <= home.assets(visible=True)


@pytest.mark.parametrize("view", ["server", "mount"])
def test_a_million_assets_take_as_many_requests_as_a_hundred(make_home: Callable[..., Home], view: str) -> None:
    home = make_home("3.3.5", view)
    assert home.guard().outcome == "scanned"
    asked = {}
    for count in (100, 1_000_000):
        home.server.running.pretended = count
        home.watch()  # what there is now, it was there before
        before = len(home.server.requests)
        report = home.guard()
        assert report.outcome == "scanned" and report.before and report.before["visible"] == PHOTOS + count
        # how often it looks at the queue depends on the time that the scan takes
        asked[count] = [(request.method, request.path) for request in home.server.requests[before:] if "/queues" not in request.path]
    assert asked[100] == asked[1_000_000] and len(asked[100]) < 25


@pytest.mark.parametrize("view", ["server", "mount"])
def test_a_memory_that_cannot_be_written_is_noticed_before_the_scan(make_home: Callable[..., Home], view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home("3.1.0", view)
    assert home.guard().outcome == "scanned"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(home.server.mutations)
    with monkeypatch.context() as patch:
        patch.setattr(Files, "write", full)
        report = home.guard()
    assert report.outcome == "failed" and "No space left on device" in report.message
    assert home.server.mutations[before:] == []
