# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault with every version of Immich and each view of the guard: nothing is ever lost, and all is back when the fault is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.brake import release
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.rehearsal.immich.dialects import DIALECTS

from .conftest import PHOTOS, Home
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
        assert release(home.admin, State(str(home.memory)), check_mode=False, record=lambda change: None) == []
        assert home.settings() == before


def test_the_page_of_the_guard_shows_the_table(checkout: Path) -> None:
    page = (checkout / "docs" / "safety.md").read_text()
    assert [line for line in page.splitlines() if line in set(rows())] == rows()
