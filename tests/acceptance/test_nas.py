# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the main job makes of a NAS that somebody changed by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def tank(homelab) -> Iterator[Callable[[Callable[[dict[str, Any]], object]], None]]:
    """Change the TrueNAS of the rehearsal, as docs/rehearsal.md says; afterwards it is again as it was."""
    file = homelab.home / "nas" / "tank" / "state.json"
    before = file.read_text()

    def tank(change: Callable[[dict[str, Any]], object]) -> None:
        state = json.loads(file.read_text())
        change(state)
        file.write_text(json.dumps(state))

    yield tank
    file.write_text(before)


def test_a_dataset_that_is_not_mounted_stops_the_run_before_the_cluster(homelab, tank):
    tank(lambda state: state["datasets"]["tank/photos"].update(mounted=False))
    for arguments in (["--check"], []):
        run = homelab.play(*arguments, check=False)
        assert run.returncode and "tank, export photos: the dataset tank/photos is not mounted, so clients see an empty folder in its place." in run.output
        assert run.total("changed") == 0 and "PLAY [Immich]" not in run.output
    assert not (homelab.home / "nas/tank/mnt/tank/photos/.immich-guard").exists()
    tank(lambda state: state["datasets"]["tank/photos"].update(mounted=True))
    assert homelab.play().total("changed") == 0


def test_a_share_that_becomes_narrower_is_shown_with_who_loses_it(homelab, tank):
    def widen(state: dict[str, Any]) -> None:
        state["nfs_shares"][0]["networks"].append("198.51.100.0/24")
        state["mounting"] = [{"address": "198.51.100.7"}]

    tank(widen)
    check = homelab.play("--check", "--diff", "--limit", "tank")
    run = homelab.play("--diff", "--limit", "tank")
    for shown in (check.output, run.output):
        assert "NFS share of /mnt/tank/photos" in shown and "198.51.100.0/24" in shown
        assert "is taken from 198.51.100.7, which mount from this NAS now" in " ".join(shown.split())
    assert check.total("changed") == run.total("changed") == 1
    assert homelab.play("--limit", "tank").total("changed") == 0
