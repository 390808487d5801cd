# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of settings, as a pod of the rehearsal finds it."""

from __future__ import annotations

import json

from ansible_collections.homelab.immich.rehearsal import config_file

POD = {
    "spec": {
        "volumes": [
            {"name": "config-inventory", "configMap": {"name": "immich-config"}},
            {"name": "config-brake", "configMap": {"name": "immich-guard-memory", "optional": True}},
            {"name": "config", "emptyDir": {"medium": "Memory"}},
        ]
    }
}
INVENTORY = {"oauth": {"enabled": True}, "nightlyTasks": {"databaseCleanup": True, "startTime": "01:00"}}


def test_it_is_what_the_init_container_makes(tmp_path):
    maps = {"immich-config": {"immich.json": json.dumps(INVENTORY)}, "immich-guard-memory": {"immich.json": '{"nightlyTasks": {"databaseCleanup": false}}'}}
    config_file.make(POD, tmp_path, lambda name: maps[name], {"settings.oauth.clientSecret": "x.y", "TZ": "UTC"})
    assert json.loads((tmp_path / "immich.json").read_text()) == {
        "oauth": {"enabled": True, "clientSecret": "x.y"},
        "nightlyTasks": {"databaseCleanup": False, "startTime": "01:00"},
    }


def test_a_pod_keeps_the_file_that_it_started_with(tmp_path):
    maps = {"immich-config": {"immich.json": '{"trash": {"days": 30}}'}, "immich-guard-memory": {}}
    config_file.make(POD, tmp_path, lambda name: maps[name], {})
    maps["immich-config"]["immich.json"] = '{"trash": {"days": 60}}'
    config_file.make(POD, tmp_path, lambda name: maps[name], {})
    assert json.loads((tmp_path / "immich.json").read_text()) == {"trash": {"days": 30}}
