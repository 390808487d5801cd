# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of the guard, on the default homelab: a scan, a NAS that is not mounted, the brake. What the guard does in each fault is in tests/faults."""

from __future__ import annotations

import json
import re

import pytest
from harness import Homelab
from test_site import api_key, immich


@pytest.fixture
def photos(homelab: Homelab):
    """The folder of the photos on the NAS, mounted again at the end."""
    folder = homelab.home / "nas" / "tank" / "mnt" / "tank" / "photos"
    away = folder.with_name("photos.away")
    yield folder
    if away.exists():
        folder.rmdir()
        away.rename(folder)


def counted(homelab: Homelab) -> dict[str, int]:
    """What the administrator sees, and what is in the trash."""
    [library] = immich(homelab, "/libraries")
    path = f"/admin/users/{library['ownerId']}/statistics?isTrashed="
    return {"visible": immich(homelab, f"{path}false")["total"], "trashed": immich(homelab, f"{path}true")["total"]}


def test_a_scan_a_nas_that_is_away_and_the_way_back(homelab, photos):
    planned = homelab.play("--check", playbook="playbooks/scan.yml")
    assert 'Scan of library "NAS photos" of admin@example.net would be started' in planned.output
    scan = homelab.play(playbook="playbooks/scan.yml")
    assert 'Scan of library "NAS photos" of admin@example.net done' in scan.output
    whole = counted(homelab)
    assert whole["visible"] > 0 and whole["trashed"] == 0

    photos.rename(photos.with_name("photos.away"))
    photos.mkdir()
    refused = homelab.play(playbook="playbooks/scan.yml", check=False)
    assert refused.returncode != 0 and "the sentinel /mnt/photos/.immich-guard/photos" in refused.output
    assert f"A scan could put all {whole['visible']} assets into the trash. Nothing was changed." in " ".join(refused.output.split())
    assert counted(homelab) == whole

    braked = homelab.play(playbook="playbooks/brake.yml")
    assert braked.total("changed") == 1 and immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"] is False
    photos.rmdir()
    photos.with_name("photos.away").rename(photos)
    look = json.dumps({"immich_guard_view": "mount", "immich_guard_folders": {"/mnt/photos": str(photos)}})
    back = homelab.play("-e", look, playbook="playbooks/scan.yml")
    assert "The brake is set since" in back.output and counted(homelab) == whole

    status = homelab.play(playbook="playbooks/scan_status.yml")
    assert status.total("changed") == 0 and "The brake is set since" in status.output
    outcomes = re.findall(r"^ *\d{4}-\d\d-\d\d \d\d:\d\d  NAS photos +(\w+)", status.output, re.MULTILINE)
    assert outcomes == ["scanned", "refused", "scanned"]  # a look in check mode leaves no record

    released = homelab.play("-e", "immich_brake=released", playbook="playbooks/brake.yml")
    assert released.total("changed") == 1 and immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"] is True
    assert api_key(homelab) not in planned.output + scan.output + refused.output + back.output
