# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault with every version of Immich and each view of the guard: nothing is ever lost, and all is back when the fault is gone."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.brake import release
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.rehearsal.immich.dialects import DIALECTS

from .conftest import EMAIL, PHOTOS, Home
from .table import FAULTS, Fault, rows


@pytest.mark.parametrize("version", DIALECTS)
@pytest.mark.parametrize("view", ["server", "mount"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_library_survives(make_home: Callable[[str, str], Home], fault: Fault, view: str, version: str) -> None:
    home = make_home(version, view)
    report = home.guard()
    assert (report.outcome, home.count(trashed=False)) == ("scanned", PHOTOS), report.message
    whole, before = home.assets(), home.settings()
    expected = fault.server if view == "server" else fault.mount

    fault.cause(home)
    report = home.guard(fault.during)
    assert (report.outcome, report.trashed) == (expected.outcome, expected.trashed), report.message
    assert expected.says in report.message
    home.hours_later()
    assert home.count(trashed=True) == expected.trashed
    assert home.braked is (expected.outcome == "braked")
    assert State(str(home.memory)).brake() is None or home.braked

    home.server.nightly(days=0.01)
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
def test_what_a_scan_does_after_the_guard_gave_it_up_is_found_by_the_next_run(make_home: Callable[[str, str], Home], view: str) -> None:
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


@pytest.mark.parametrize("view", ["server", "mount"])
def test_a_memory_that_cannot_be_written_is_noticed_before_the_scan(make_home: Callable[[str, str], Home], view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home("3.1.0", view)
    assert home.guard().outcome == "scanned"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(home.server.mutations)
    with monkeypatch.context() as patch:
        patch.setattr(State, "_replace", full)
        report = home.guard()
    assert report.outcome == "failed" and "No space left on device" in report.message
    assert home.server.mutations[before:] == []


def test_the_page_of_the_guard_shows_the_table(checkout: Path) -> None:
    page = (checkout / "docs" / "safety.md").read_text()
    assert [line for line in page.splitlines() if line in set(rows())] == rows()
