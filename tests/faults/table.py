# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults: what happens, what the guard makes of it in each view, and how it is put right. docs/safety.md shows it."""

from __future__ import annotations

import datetime
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.immich.plugins.module_utils.guard.brake import held, moment
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport

from .conftest import CHILD, FOLDERS, PHOTOS, Home

HALF = FOLDERS[1:3]  # 20 of the 40 photos


@dataclass(frozen=True)
class Seen:
    """What a guard makes of a fault. `trashed` is what the scan put into the trash, of which nothing is ever purged."""

    outcome: str
    says: str
    trashed: int = 0
    # how the page calls it, where its outcome does not say enough
    words: str = ""

    def __str__(self) -> str:
        if self.words:
            return self.words
        words = {"refused": "refused", "braked": f"scanned, {self.trashed} of {PHOTOS} in the trash, braked", "later": "put off", "failed": "fails and says so"}
        return words.get(self.outcome, "scanned")


@dataclass(frozen=True)
class Fault:
    """One row."""

    name: str
    server: Seen
    mount: Seen
    cause: Callable[[Home], object] = lambda home: None
    during: Callable[[Home], object] | None = None
    # what a person does whom the message asks for it
    then: Callable[[Home], object] = lambda home: None
    mend: Callable[[Home], object] = lambda home: None
    # whether a file owns the settings of the server
    file: bool = False


def asks_for_a_brake(trashed: int) -> Seen:
    says = "THE BRAKE COULD NOT BE SET"
    return Seen("unbraked", says, trashed, f"says so before; scanned, {trashed} of {PHOTOS} in the trash, asks for `brake.yml` by hand")


def refused(says: str) -> Seen:
    return Seen("refused", says)


def braked(trashed: int, says: str = "The brake is set") -> Seen:
    return Seen("braked", says, trashed)


def put_right(says: str) -> Seen:
    return Seen("scanned", says, words="put right, then scanned")


def brake_in_the_file(home: Home) -> None:
    """What playbooks/brake.yml does: tests/unit/modules/test_brake.py."""
    State(str(home.memory)).set_brake({"since": moment(), "settings": {}, "why": "Set by hand.", "file": True})
    home.set_in_file(**held(Client(HttpTransport(home.server.url))))


def wrong_export(home: Home) -> None:
    home.unmount()
    for number in range(3):
        (home.photos / f"film{number}.mp4").write_bytes(b"of somebody else")
    (home.photos / ".immich-guard" / "films").mkdir(parents=True)


def no_permission(home: Home) -> None:
    home.disk.breaks(home.photos, errno.EACCES)


def repair(home: Home) -> None:
    home.disk.clear()


def bad_disk(home: Home) -> None:
    for number in (1, 5, 9):
        home.disk.breaks(home.photos / FOLDERS[1] / f"IMG_{number:04}.jpg", errno.EIO)


def stale_files(home: Home) -> None:
    for number in (2, 6, 10):
        home.disk.breaks(home.photos / FOLDERS[2] / f"IMG_{number:04}.jpg", errno.ESTALE)


def stale_for_the_server(home: Home) -> None:
    home.disk.breaks(home.photos, errno.ESTALE, guard=False)


def half_replaced(home: Home) -> None:
    home.hide(*HALF)
    for number in range(20):
        (home.photos / f"new{number}.jpg").write_bytes(b"another photo")


def half_back(home: Home) -> None:
    for number in range(20):
        (home.photos / f"new{number}.jpg").unlink()
    home.bring_back()


def renamed(home: Home) -> None:
    (home.photos / "2023").rename(home.photos / "Year 2023")


def renamed_back(home: Home) -> None:
    (home.photos / "Year 2023").rename(home.photos / "2023")


def import_paths(*paths: str) -> Callable[[Home], object]:
    return lambda home: home.admin.put(f"/libraries/{home.library}", {"importPaths": list(paths)}, doing="edit the library")


def media(home: Home) -> Path:
    return home.photos.with_name("media") / "encoded-video"


def dataset_unmounted(home: Home) -> None:
    home.hide(CHILD)
    os.mkdir(home.photos / CHILD)


def by_hand_while_unmounted(home: Home) -> None:
    home.unmount()
    home.scan_by_hand()


def bad_gateway(home: Home) -> None:
    home.server.faults.bad_gateway(times=60)


def revoke(home: Home) -> None:
    home.admin.delete(f"/api-keys/{home.key_id}", doing="revoke the key")


def new_key(home: Home) -> None:
    made = home.admin.post("/api-keys", {"name": "guard", "permissions": ["all"]}, doing="make a key")
    home.key_id, home.key = made["apiKey"]["id"], made["secret"]


def busy(home: Home) -> None:
    home.server.job_seconds(0.3)
    home.admin.post(f"/libraries/{home.library}/scan", doing="scan")


def other_guard(home: Home) -> None:
    home.others.enter_context(State(str(home.memory)).alone())


def clock_jump(days: int) -> Callable[[Home], object]:
    def jump(home: Home) -> None:
        home.clock = datetime.timedelta(days=days)

    return jump


def slow_scan(home: Home) -> None:
    """Nothing happens to the library before what happens in the middle of the scan."""
    home.server.job_seconds(0.05)


def with_a_full_trash(home: Home) -> None:
    home.throw_away(4)
    slow_scan(home)


def emptied_while_half_is_gone(home: Home) -> None:
    home.empty_trash()
    home.hide(*HALF)


def purge_is_due(home: Home) -> None:
    """The nightly tasks begin in five minutes, as the test has it, and nothing would stay in the trash until then."""
    home.set(**{"trash.enabled": False})
    if "nightlyTasks.startTime" in home.settings():
        soon = datetime.datetime.now() + datetime.timedelta(minutes=5)
        home.set(**{"nightlyTasks.startTime": f"{soon:%H:%M}"})
    slow_scan(home)


def purge_is_at_midnight(home: Home) -> None:
    if "nightlyTasks.startTime" in home.settings():
        home.set(**{"nightlyTasks.startTime": "00:00"})
    home.mount_again()


def restart(home: Home) -> None:
    home.server.restart()


def no_trash(home: Home) -> None:
    home.set(**{"trash.enabled": False})


def short_trash(home: Home) -> None:
    home.set(**{"trash.days": 3})


EMPTY = "the sentinel /mnt/photos/.immich-guard/photos"
FAULTS = (
    Fault("the mount point is empty", refused(EMPTY), refused(EMPTY), Home.unmount, mend=Home.mount_again),
    Fault("another export is mounted", refused(EMPTY), refused(EMPTY), wrong_export, mend=Home.mount_again),
    Fault("the export may not be read (EACCES)", refused(EMPTY), refused("Permission denied"), no_permission, mend=repair),
    Fault("three files give an I/O error", braked(3), refused("3 files cannot be read"), bad_disk, mend=repair),
    Fault("three files have a stale handle", braked(3), refused("3 files cannot be read"), stale_files, mend=repair),
    Fault("the server's mount is stale, others are not", refused("Stale file handle"), braked(PHOTOS), stale_for_the_server, mend=repair),
    Fault(
        "a folder is gone", braked(10), refused("it would trash 10 of 40 assets (limit 1, 1%). All that is gone was in /mnt/photos/2022"),
        lambda home: home.hide("2022"), mend=Home.bring_back,
    ),
    Fault("half of the files are gone", braked(20), refused("it would trash 20 of 40 assets"), lambda home: home.hide(*HALF), mend=Home.bring_back),
    Fault("half of the files are replaced by as many", braked(20), refused("20 files are new"), half_replaced, mend=half_back),
    Fault("a folder is renamed", braked(20), refused("a renamed or moved file is a lost one"), renamed, mend=renamed_back),
    Fault("a dataset below the export is not mounted", braked(10), refused("a dataset below the export"), dataset_unmounted, mend=Home.bring_back),
    Fault("the sentinel is gone, the files are there", refused(EMPTY), refused(EMPTY), lambda home: home.hide(".immich-guard"), mend=Home.bring_back),
    Fault(
        "an import path is changed in the web page", refused("/mnt/photos was an import path"), refused("it would trash 30 of 40 assets"),
        import_paths("/mnt/photos/2022"), mend=import_paths("/mnt/photos"),
    ),
    Fault(
        "the import path is renamed: the same photos, mounted elsewhere", refused("/mnt/photos was an import path"),
        refused("it would trash 40 of 40 assets"), import_paths("/mnt/pictures"), mend=import_paths("/mnt/photos"),
    ),
    Fault(
        "the library has no import path any more", refused("it has no import path"), refused("it has no import path"),
        import_paths(), mend=import_paths("/mnt/photos"),
    ),
    Fault(
        "the folder of motion photos is gone", Seen("scanned", "done"), refused("/data/encoded-video (No such file or directory)"),
        lambda home: media(home).rename(media(home).with_name("away")), mend=lambda home: media(home).with_name("away").rename(media(home)),
    ),
    Fault("the NAS goes away in the middle of the scan", braked(PHOTOS), braked(PHOTOS), during=Home.unmount, mend=Home.mount_again),
    Fault(
        "the NAS goes away in the middle of the scan, the trash was off, and the nightly purge is due in five minutes",
        braked(PHOTOS), braked(PHOTOS), purge_is_due, during=Home.unmount, mend=purge_is_at_midnight,
    ),
    Fault(
        "the NAS goes away in the middle of the scan, and a file owns the settings (IMMICH_CONFIG_FILE)",
        asks_for_a_brake(PHOTOS), asks_for_a_brake(PHOTOS), during=Home.unmount, then=brake_in_the_file, mend=Home.mount_again, file=True,
    ),
    Fault("the mount point is empty, and a file owns the settings", refused(EMPTY), refused(EMPTY), Home.unmount, mend=Home.mount_again, file=True),
    Fault(
        "half of the files go, and somebody empties the trash, in the middle of the scan", braked(20), braked(20), with_a_full_trash,
        during=emptied_while_half_is_gone, mend=Home.bring_back,
    ),
    Fault(
        "somebody scans in the web page while the mount point is empty", braked(PHOTOS, "outside the guard"), braked(PHOTOS, "outside the guard"),
        by_hand_while_unmounted, mend=Home.mount_again,
    ),
    Fault("the API answers 502 for a minute", Seen("failed", "answered 502"), Seen("failed", "answered 502"), bad_gateway),
    Fault("the API answers 502 in the middle of the scan", Seen("scanned", "done"), Seen("scanned", "done"), during=bad_gateway),
    Fault("the key is revoked", Seen("failed", "Invalid API key"), Seen("failed", "Invalid API key"), revoke, mend=new_key),
    Fault("the key is revoked in the middle of the scan", Seen("failed", "lost sight of"), Seen("failed", "lost sight of"), during=revoke, mend=new_key),
    Fault("the server is busy with a library", Seen("later", "busy"), Seen("later", "busy"), busy),
    Fault("another guard is at work", Seen("later", "another guard"), Seen("later", "another guard"), other_guard, mend=lambda home: home.others.close()),
    Fault("the clock jumps ahead by a year", Seen("scanned", "done"), Seen("scanned", "done"), clock_jump(365)),
    Fault("the clock jumps back by a year", Seen("scanned", "done"), Seen("scanned", "done"), clock_jump(-365)),
    Fault("the server restarts in the middle of the scan", Seen("failed", "did not go through"), Seen("failed", "did not go through"), during=restart),
    Fault("the trash is off", put_right("The trash is off; it was set"), put_right("The trash is off; it was set"), no_trash),
    Fault("the trash keeps for three days only", put_right("for 3 days only; it was set"), put_right("for 3 days only; it was set"), short_trash),
)


def page() -> list[str]:
    """The table as docs/safety.md has it."""
    head = ["| What happens | `server` | `mount` |", "| --- | --- | --- |"]
    return head + [f"| {fault.name[0].upper()}{fault.name[1:]} | {fault.server} | {fault.mount} |" for fault in FAULTS]
