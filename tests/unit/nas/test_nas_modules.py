# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NAS modules against the stand-in: what they return, what they refuse, and that they only read."""

from __future__ import annotations

import importlib
import json
import socket
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.homelab.immich.plugins.modules import nas_reachable_info
from ansible_collections.homelab.immich.rehearsal.truenas.testing import API_KEY, IMMICH, PHOTOS, USER

READS = (".query", ".config", ".stat", ".listdir", "auth.login_ex", "system.version")


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a module; what it printed, with its warnings under `warned`. It never prints the key."""
    warned: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda self, warning, **_options: warned.append(warning))

    def run(name: str, options: dict[str, Any], check: bool = False) -> dict[str, Any]:
        warned.clear()
        module = importlib.import_module(f"ansible_collections.homelab.immich.plugins.modules.{name}")
        with patch_module_args({**options, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        printed = capsys.readouterr()
        assert API_KEY not in printed.out + printed.err
        assert "Traceback" not in printed.out + printed.err
        return json.loads(printed.out) | {"warned": [*warned]}

    return run


@pytest.fixture
def look(run, tank):
    """Run truenas_nfs_export_info against the NAS."""

    def look(check: bool = False, **changed: Any) -> dict[str, Any]:
        connection = {"url": tank.url, "username": USER, "api_key": API_KEY, "ca_cert": str(tank.ca_cert), "rehearsal": True, "name": "tank"}
        return run("truenas_nfs_export_info", connection | {"exports": [PHOTOS, IMMICH]} | changed, check)

    return look


@pytest.mark.parametrize("check", [False, True])
def test_a_nas_as_declared(look, tank, check):
    result = look(check, fail_on_errors=True)
    assert result["changed"] is False
    assert result["exports"] == 2
    assert result["findings"] == [] and result["warned"] == []
    assert result["sentinels_ok"] is True
    assert result["version"] == "TrueNAS-25.10.1"
    assert [found["path"] for found in result["found"]] == ["/mnt/tank/photos", "/mnt/tank/immich"]
    assert result["found"][1]["owner"] == {"uid": 1000, "gid": 1000, "user": "id1000", "group": "id1000", "acl": False, "mode": "0750"}
    assert tank.methods.count("auth.login_ex") == 1
    assert [method for method in tank.methods if not method.endswith(READS)] == []


def test_all_errors_at_once(look, tank):
    def drift(state):
        state["datasets"]["tank/photos"]["mounted"] = False
        state["nfs_shares"][1].update(ro=True, maproot_group=None)
        state["services"][1].update(state="STOPPED")
        state["owners"]["/mnt/tank/immich"]["uid"] = 568

    tank.drift(drift)
    result = look(fail_on_errors=True)
    assert result["failed"]
    first, *messages = result["msg"].splitlines()
    assert first == "tank is not as nas_exports declares it:"
    assert len(messages) == 4
    assert sum("service is stopped" in message for message in messages) == 1  # it concerns both exports and is said once
    assert ["uid 568" in message for message in result["warned"]] == [True]


def test_warnings_alone_do_not_fail(look, tank):
    tank.folder("/mnt/tank/photos/.immich-guard/photos").rmdir()
    result = look(fail_on_errors=True)
    assert "failed" not in result
    assert result["sentinels_ok"] is False
    assert ["mkdir -p /mnt/tank/photos/.immich-guard/photos" in message for message in result["warned"]] == [True]


def test_without_fail_on_errors_findings_are_returned(look, tank):
    tank.drift(lambda state: state["nfs_shares"][0].update(ro=False))
    tank.folder("/mnt/tank/immich/.immich-guard/immich").rmdir()
    result = look()
    assert [(finding["export"], finding["severity"]) for finding in result["findings"]] == [("photos", "error"), ("immich", "warning")]
    assert result["warned"] == []


def test_markers_of_a_media_location(look, tank):
    tank.folder("/mnt/tank/immich/library").mkdir()
    tank.folder("/mnt/tank/immich/library/.immich").touch()
    assert look()["markers"] == {"immich": ["library/.immich"]}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"exports": [PHOTOS | {"options": ["insecure"]}]}, "exports[0] (photos): options are exports(5) options"),
        ({"exports": [PHOTOS, IMMICH | {"map_user": "1000"}]}, "exports[1] (immich): map_user"),
        ({"exports": [PHOTOS | {"owner": {"user": "1", "group": "1", "mode": "rwx"}}]}, "owner.mode is rwx"),
        ({"api_key": "1-wrong"}, "does not let rehearsal in"),
        ({"url": "ws://127.0.0.1"}, "Use wss://"),
        ({"url": "wss://192.0.2.10"}, "This is a rehearsal"),
        ({"ca_cert": "/nowhere.pem"}, "/nowhere.pem"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_else(look, tank, changed, words):
    result = look(**changed)
    assert result["failed"] and words in result["msg"]
    assert [method for method in tank.methods if method != "auth.login_ex"] == []


def test_an_smb_export(look, tank):
    export = {"name": "k8s", "protocol": "smb", "dataset": "tank/k8s", "share": "k8s"}
    tank.spec["nas"]["tank"]["exports"] = [export]
    assert look(exports=[export], fail_on_errors=True)["findings"] == []


def test_a_nas_that_answers(run, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setitem(nas_reachable_info.PORTS, "nfs", server.getsockname()[1])
        assert run("nas_reachable_info", {"name": "unas", "address": "127.0.0.1"}, check=True)["findings"] == []


def test_a_nas_that_does_not_answer_is_a_warning(run, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setitem(nas_reachable_info.PORTS, "smb", server.getsockname()[1])
    result = run("nas_reachable_info", {"name": "unas", "address": "127.0.0.1", "protocols": ["smb"]})
    assert "failed" not in result
    assert [finding["severity"] for finding in result["findings"]] == ["warning"]
    assert "unas: 127.0.0.1 does not answer on port" in result["warned"][0]
