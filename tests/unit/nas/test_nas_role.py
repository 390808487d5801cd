# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nas role, run by ansible-playbook: one module run for each TrueNAS, everybody else skipped by name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.rehearsal.truenas.testing import API_KEY, IMMICH, PHOTOS, USER

PLAY = """
- hosts: nas
  gather_facts: false
  connection: local
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - ansible.builtin.import_role: {name: homelab.immich.nas}
    - ansible.builtin.copy: {content: "{{ __nas_verified | to_json }}", dest: "{{ results }}/{{ inventory_hostname }}.json", mode: "0600"}
      check_mode: false
"""


@pytest.fixture
def run(checkout: Path, tmp_path: Path):
    """Run the role on these hosts: (what was printed, what each host knows for the summary)."""

    def run(hosts: dict, *arguments: str, **variables) -> tuple[str, dict]:
        (tmp_path / "play.yml").write_text(PLAY)
        (tmp_path / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "children": {"nas": {"hosts": hosts}}}}))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": str(checkout / "collections"),
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
        }
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml", "-e", f"results={tmp_path}", *arguments]
        done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr, {host: json.loads(file.read_text()) for host in hosts if (file := tmp_path / f"{host}.json").exists()}

    return run


def truenas(tank, **changed) -> dict:
    return {
        "ansible_host": "127.0.0.1",
        "nas_provider": "truenas",
        "nas_api_url": tank.url,
        "nas_api_user": USER,
        "nas_api_key": API_KEY,
        "nas_api_ca_cert": str(tank.ca_cert),
        "nas_exports": [PHOTOS, IMMICH],
    } | changed


def results(output: str, host: str) -> int:
    """How many task results a host had, without those of the play around the role."""
    counted = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", re.search(rf"^{host} .*$", output, re.MULTILINE)[0])}
    return counted["ok"] + counted["skipped"] - 2  # the check of the arguments, and the file of this test


@pytest.mark.parametrize("mode", [[], ["--check", "--diff"]])
def test_a_truenas_as_declared(run, tank, mode):
    output, known = run({"tank": truenas(tank)}, "-vvv", *mode)
    assert known["tank"]["exports"] == 2 and known["tank"]["sentinels_ok"] and known["tank"]["findings"] == []
    assert results(output, "tank") == 2
    assert tank.methods.count("auth.login_ex") == 1
    assert API_KEY not in output


def test_a_truenas_that_differs_stops_the_run(run, tank):
    tank.drift(lambda state: state["datasets"]["tank/photos"].update(mounted=False))
    output, known = run({"tank": truenas(tank)})
    assert "tank, export photos: the dataset tank/photos is not mounted" in output
    assert "failed=1" in output and known == {}


def test_a_missing_sentinel_does_not_stop_the_run(run, tank):
    tank.folder("/mnt/tank/photos/.immich-guard/photos").rmdir()
    output, known = run({"tank": truenas(tank)})
    assert "sudo mkdir -p /mnt/tank/photos/.immich-guard/photos" in re.sub(r"\s+", " ", output)
    assert known["tank"]["sentinels_ok"] is False


def test_others_are_named(run):
    hosts = {
        "unas": {"ansible_host": "127.0.0.1", "nas_provider": "none", "nas_exports": [{"name": "k8s", "protocol": "smb", "share": "k8s"}]},
        "cardinal": {"ansible_host": "127.0.0.1", "nas_provider": "nixos", "nas_exports": [{"name": "images", "dataset": "tank/Images"}]},
    }
    output, known = run(hosts)
    assert "failed=0" in output
    assert known["unas"]["skipped"] == "only its ports were looked at"
    assert known["cardinal"]["skipped"] == "this release does not look at nixos; compare the export by hand"
    output, known = run(hosts, immich_rehearsal=True)
    assert {host: facts["skipped"] for host, facts in known.items()} == {
        "unas": "a rehearsal plays TrueNAS only",
        "cardinal": "a rehearsal plays TrueNAS only",
    }
    assert "does not answer" not in output  # nobody outside is even asked
