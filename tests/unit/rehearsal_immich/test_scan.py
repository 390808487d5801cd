# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scan does to a library: on real folders, as Immich does it."""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.rehearsal.immich.instance import Mount
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server


class Immich(Server):
    """A server with an admin, and calls as that admin."""

    def sign_up(self) -> Immich:
        self.headers: dict[str, str] = {}
        self.admin = self.call("POST", "/auth/admin-sign-up", {"email": "admin@example.net", "name": "Admin", "password": "admin"})
        login = self.call("POST", "/auth/login", {"email": "admin@example.net", "password": "admin"})
        self.headers = {"x-immich-user-token": login["accessToken"]}
        return self

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"content-type": "application/json", **self.headers}
        request = urllib.request.Request(f"{self.url}/api{path}", None if body is None else json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def library(self, *paths: str, **fields: Any) -> str:
        return self.call("POST", "/libraries", {"ownerId": self.admin["id"], "importPaths": list(paths), **fields})["id"]

    def scan(self, library: str) -> None:
        self.call("POST", f"/libraries/{library}/scan")
        self.wait()

    def total(self, library: str) -> int:
        return self.call("GET", f"/libraries/{library}/statistics")["total"]

    def trashed(self) -> int:
        return self.call("GET", f"/admin/users/{self.admin['id']}/statistics?isTrashed=true")["total"]

    def visible(self) -> int:
        return self.call("GET", f"/admin/users/{self.admin['id']}/statistics?isTrashed=false")["total"]

    def paths(self) -> set[str]:
        return {asset["path"] for asset in self.running.db["assets"].values()}

    def set_config(self, section: str, **values: Any) -> None:
        config = self.call("GET", "/system-config")
        config[section] |= values
        self.call("PUT", "/system-config", config)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(40):
        file = folder / "2024" / f"IMG_{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"a photo")
    return folder


@pytest.fixture
def immich(tmp_path: Path, photos: Path) -> Iterator[Immich]:
    with Immich("3.1.0", (Mount("/mnt/photos", photos, read_only=True),), tmp_path) as server:
        yield server.sign_up()


def unmount(photos: Path) -> Path:
    """An export that is not mounted: the mount point is an empty folder."""
    aside = photos.rename(photos.with_name("aside"))
    photos.mkdir()
    return aside


def mount_again(photos: Path, aside: Path) -> None:
    photos.rmdir()
    aside.rename(photos)


def test_a_scan_imports_what_is_there(immich: Immich, photos: Path) -> None:
    (photos / "film.MP4").write_bytes(b"a film")
    (photos / "notes.txt").write_text("no photo")
    (photos / ".hidden.jpg").write_bytes(b"hidden")
    for folder in (".immich-guard", "@eaDir", "Raw"):
        (photos / folder).mkdir()
        (photos / folder / "x.jpg").write_bytes(b"not this one")
    library = immich.library("/mnt/photos", exclusionPatterns=["**/@eaDir/**", "**/raw/**"])
    immich.scan(library)
    assert immich.total(library) == 41
    assert "/mnt/photos/film.MP4" in immich.paths()
    assert immich.call("GET", f"/libraries/{library}")["assetCount"] == 0
    immich.scan(library)
    assert immich.total(library) == 41


def test_an_emptied_mount_trashes_everything_and_the_library_does_not_show_it(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    refreshed = immich.call("GET", f"/libraries/{library}")["refreshedAt"]
    aside = unmount(photos)
    immich.scan(library)
    assert (immich.trashed(), immich.visible()) == (40, 0)
    assert immich.total(library) == 40
    assert immich.call("GET", f"/libraries/{library}")["refreshedAt"] > refreshed
    assert immich.call("POST", "/search/statistics", {"libraryId": library, "isOffline": True})["total"] == 40
    assert immich.call("POST", "/search/statistics", {"libraryId": library})["total"] == 0
    mount_again(photos, aside)
    immich.scan(library)
    assert (immich.trashed(), immich.visible()) == (0, 40)


def test_a_missing_import_path_trashes_everything_without_a_crawl(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos/2024")
    immich.scan(library)
    refreshed = immich.call("GET", f"/libraries/{library}")["refreshedAt"]
    (photos / "2024").rename(photos / "2025")
    immich.scan(library)
    assert immich.trashed() == 40
    assert immich.call("GET", f"/libraries/{library}")["refreshedAt"] == refreshed


def test_a_renamed_folder_is_new_photos(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    (photos / "2024").rename(photos / "holidays")
    immich.scan(library)
    assert (immich.visible(), immich.trashed(), immich.total(library)) == (40, 40, 80)


def test_the_trash_is_purged_after_its_days(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    aside = unmount(photos)
    immich.scan(library)
    immich.nightly(days=29)
    assert immich.trashed() == 40
    immich.nightly(days=2)
    assert (immich.trashed(), immich.total(library)) == (0, 0)
    mount_again(photos, aside)
    assert len(list(photos.rglob("*.jpg"))) == 40


def test_without_a_trash_the_same_night_takes_all(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    unmount(photos)
    immich.scan(library)
    immich.set_config("trash", enabled=False)
    immich.nightly()
    assert immich.total(library) == 0


def test_the_emergency_brake_holds_the_purge(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    unmount(photos)
    immich.scan(library)
    immich.set_config("nightlyTasks", databaseCleanup=False)
    immich.nightly(days=400)
    assert immich.trashed() == 40


def test_no_import_paths_cover_nothing(immich: Immich) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    immich.call("PUT", f"/libraries/{library}", {"importPaths": []})
    immich.scan(library)
    assert immich.trashed() == 40


@pytest.mark.parametrize(
    ("path", "offline"),
    [("/mnt/photos/20", 0), ("/mnt/photos/a", 3), ("/mnt/photos/____", 0), ("/mnt/photos/2024", 0)],
    ids=["a prefix without a slash", "another folder", "a name of wildcards", "the folder itself"],
)
def test_import_paths_are_sql_prefixes(immich: Immich, photos: Path, path: str, offline: int) -> None:
    """/mnt/photos/20 covers /mnt/photos/2024; a path is made to exist, since PUT looks."""
    for file in list((photos / "2024").iterdir())[3:]:
        file.unlink()
    library = immich.library("/mnt/photos/2024")
    immich.scan(library)
    (photos / path.rpartition("/")[2]).mkdir(exist_ok=True)
    immich.call("PUT", f"/libraries/{library}", {"importPaths": [path]})
    immich.scan(library)
    assert immich.trashed() == offline


def test_a_new_exclusion_trashes_what_it_covers(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    immich.call("PUT", f"/libraries/{library}", {"exclusionPatterns": ["**/2024/**"]})
    immich.scan(library)
    assert immich.trashed() == 40
    immich.call("PUT", f"/libraries/{library}", {"exclusionPatterns": []})
    immich.scan(library)
    assert immich.trashed() == 0


def test_what_somebody_trashed_stays_in_the_trash(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    for asset in immich.running.db["assets"].values():
        asset |= {"status": "trashed", "deletedAt": "2026-01-01T00:00:00.000Z"}
    aside = unmount(photos)
    immich.scan(library)
    mount_again(photos, aside)
    immich.scan(library)
    assert immich.trashed() == 40
    assert not any(asset["isOffline"] for asset in immich.running.db["assets"].values())


def test_a_changed_file_is_read_again(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    file = photos / "2024" / "IMG_1.jpg"
    file.write_bytes(b"a longer photo")
    os.utime(file, (1, 1))
    immich.scan(library)
    assert immich.total(library) == 40
    assert immich.call("GET", f"/libraries/{library}/statistics")["usage"] == 39 * 7 + 14


def test_a_deleted_library_takes_its_assets_and_no_file(immich: Immich, photos: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    immich.call("DELETE", f"/libraries/{library}")
    immich.wait()
    assert immich.paths() == set()
    assert len(list(photos.rglob("*.jpg"))) == 40
    again = immich.library("/mnt/photos")
    immich.scan(again)
    assert immich.total(again) == 40


def test_validation_is_the_servers_own_view(immich: Immich, photos: Path) -> None:
    (photos / "file.jpg").write_bytes(b"a photo")
    library = immich.library()
    wanted = {
        "/mnt/photos": None,
        "/mnt/photos/2024": None,
        "/": None,
        "/mnt": None,
        "/data/library": "Cannot use media upload folder for external libraries",
        "/data": "Cannot use media upload folder for external libraries",
        "mnt/photos": "Import path must be absolute, try /usr/src/app/mnt/photos",
        "/mnt/photos/file.jpg": "Not a directory",
        "/mnt/gone": "Path does not exist (ENOENT)",
        str(photos): "Path does not exist (ENOENT)",
    }
    answer = immich.call("POST", f"/libraries/{library}/validate", {"importPaths": list(wanted)})
    assert {path["importPath"]: path.get("message") for path in answer["importPaths"]} == wanted
    with pytest.raises(urllib.error.HTTPError) as refused:
        immich.call("PUT", f"/libraries/{library}", {"importPaths": ["/mnt/photos", "/mnt/gone"]})
    assert json.loads(refused.value.read())["message"] == "Invalid import path: Path does not exist (ENOENT)"
    # creating looks at nothing
    assert immich.call("GET", f"/libraries/{immich.library('/mnt/gone')}")["importPaths"] == ["/mnt/gone"]


def test_a_link_out_of_the_mount_leads_nowhere(immich: Immich, photos: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"not in the container")
    (photos / "link").symlink_to(outside)
    library = immich.library("/mnt/photos")
    immich.scan(library)
    assert immich.total(library) == 40


def test_mounts_below_a_path_are_part_of_it(tmp_path: Path, photos: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "1.jpg").write_bytes(b"a photo")
    with Immich("3.3.5", {"/mnt/photos": photos, "/mnt/photos/more": more}, tmp_path) as immich:
        library = immich.sign_up().library("/mnt")
        immich.scan(library)
        assert immich.total(library) == 41
        assert "/mnt/photos/more/1.jpg" in immich.paths()


def test_the_film_of_a_motion_photo_never_comes_back(immich: Immich, tmp_path: Path) -> None:
    library = immich.library("/mnt/photos")
    immich.scan(library)
    film = tmp_path / "media" / "encoded-video" / "film.mp4"
    film.write_bytes(b"a film")
    server = immich.running
    motion = {**next(iter(server.db["assets"].values())), "id": server.new_id(), "path": "/data/encoded-video/film.mp4", "isExternal": False}
    server.db["assets"][motion["id"]] = motion
    immich.scan(library)
    assert not motion["isOffline"]
    film.rename(film.with_suffix(".away"))
    immich.scan(library)
    assert motion["isOffline"] and motion["deletedAt"]
    film.with_suffix(".away").rename(film)
    immich.scan(library)
    assert motion["isOffline"] and immich.trashed() == 1


def test_a_slow_mount_holds_nobody_up(immich: Immich, monkeypatch: pytest.MonkeyPatch) -> None:
    library = immich.library("/mnt/photos")
    files, walked = immich.running.files, threading.Event()
    real = files.walk
    monkeypatch.setattr(files, "walk", lambda *args: walked.wait(10) and real(*args))
    immich.call("POST", f"/libraries/{library}/scan")
    while not immich.call("GET", "/jobs")["library"]["jobCounts"]["active"]:
        pass
    assert immich.call("GET", "/server/ping") == {"res": "pong"} and immich.total(library) == 0
    walked.set()
    immich.wait()
    assert immich.total(library) == 40


def test_counts_of_a_queue_fall_at_the_pace_that_is_asked_for(immich: Immich) -> None:
    immich.scan(immich.library("/mnt/photos"))
    immich.job_seconds(0.05)
    immich.call("PUT", "/jobs/smartSearch", {"command": "start", "force": True})
    seen = set()
    while not immich.running.jobs.idle():
        counts = immich.call("GET", "/jobs")["smartSearch"]["jobCounts"]
        seen.add(counts["waiting"] + counts["active"])
    assert len(seen) > 3 and max(seen) == 40


def test_jobs_are_seen_while_they_run(tmp_path: Path, photos: Path) -> None:
    with Immich("3.1.0", {"/mnt/photos": photos}, tmp_path, job_seconds=0.2) as immich:
        library = immich.sign_up().library("/mnt/photos")
        immich.call("POST", f"/libraries/{library}/scan")
        counts = immich.call("GET", "/jobs")["library"]
        assert counts["queueStatus"]["isActive"] and counts["jobCounts"]["waiting"] == 1
        with pytest.raises(urllib.error.HTTPError) as refused:
            immich.call("PUT", "/jobs/library", {"command": "start"})
        assert json.loads(refused.value.read())["message"] == "Job is already running"


def test_a_paused_queue_stays_paused_over_a_restart(immich: Immich) -> None:
    library = immich.library("/mnt/photos")
    immich.call("PUT", "/queues/library", {"isPaused": True})
    immich.restart()
    immich.call("POST", f"/libraries/{library}/scan")
    immich.wait()
    counts = immich.call("GET", "/queues/library")["statistics"]
    assert (counts["paused"], counts["waiting"]) == (2, 0)
    assert immich.total(library) == 0
    immich.call("PUT", "/jobs/library", {"command": "resume"})
    immich.wait()
    assert immich.total(library) == 40
