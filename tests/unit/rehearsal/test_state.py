# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a rehearsal lives."""

from __future__ import annotations

import stat

import pytest
from ansible_collections.homelab.immich.rehearsal import state


def test_two_inventories_of_one_name_do_not_meet(place):
    first, second = state.home("/one/homelab"), state.home("/two/homelab")
    assert first != second
    assert first.name.startswith("homelab-") and second.name.startswith("homelab-")


def test_one_inventory_is_found_by_every_path_that_leads_to_it(place, monkeypatch):
    (place / "inventories" / "homelab").mkdir(parents=True)
    (place / "link").symlink_to(place / "inventories" / "homelab")
    monkeypatch.chdir(place)
    assert state.home("inventories/homelab/") == state.home(place / "link") == state.home(place / "inventories" / "homelab")


def test_a_name_in_the_environment_decides(place, monkeypatch):
    monkeypatch.setenv("IMMICH_REHEARSAL", "mine")
    assert state.home("/one/homelab") == state.home("/two/homelab") == state.homes() / "mine"


@pytest.mark.parametrize("name", ["../mine", "/tmp/mine", "a b", ".hidden"])
def test_a_name_is_never_a_path(place, monkeypatch, name):
    monkeypatch.setenv("IMMICH_REHEARSAL", name)
    with pytest.raises(state.RehearsalError, match="IMMICH_REHEARSAL"):
        state.home("/one/homelab")


def test_a_run_without_inventory_is_told_so(place):
    with pytest.raises(state.NotRunning, match="-i INVENTORY"):
        state.home_of_run({})


def test_the_state_is_for_its_owner_only(place):
    state.homes().mkdir(parents=True)
    state.write_json(state.homes() / "state.json", {"a": 1})
    assert stat.S_IMODE((state.homes() / "state.json").stat().st_mode) == 0o600
    assert state.read(state.homes()) == {"a": 1}
    assert [path.name for path in state.homes().iterdir()] == ["state.json"]


def test_no_state_is_no_rehearsal(place):
    with pytest.raises(state.NotRunning, match="No rehearsal is running in"):
        state.read(state.home("/one/homelab"))
