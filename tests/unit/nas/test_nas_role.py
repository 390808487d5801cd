# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nas role, run by ansible-playbook: one module run for each TrueNAS, a checkout written for NixOS, others looked at from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.rehearsal.truenas.testing import API_KEY, IMMICH, PHOTOS, USER, Server

PLAY = """
- hosts: nas
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: homelab.immich.nas}
    - ansible.builtin.copy: {content: "{{ __nas_verified | to_json }}", dest: "{{ results }}/{{ inventory_hostname }}.json", mode: "0600"}
      check_mode: false
      vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
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
            "HOME": str(tmp_path / "home"),
            "ANSIBLE_NOCOLOR": "1",
        }
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml", "-e", f"results={tmp_path}", *arguments]
        done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr, {host: json.loads(file.read_text()) for host in hosts if (file := tmp_path / f"{host}.json").exists()}

    return run


def truenas(tank, **changed) -> dict:
    return {
        "ansible_host": "127.0.0.1",
        "ansible_connection": "ssh",  # for other playbooks; the API is asked from here
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
    assert results(output, "tank") == 5  # which tasks, the module, none for SMB alone, what is kept, and that nothing is done over ssh
    assert tank.methods.count("auth.login_ex") == 1
    assert API_KEY not in output


def test_a_truenas_that_differs_stops_the_run(run, tank):
    tank.drift(lambda state: state["datasets"]["tank/photos"].update(mounted=False))
    output, known = run({"tank": truenas(tank)})
    assert "tank, export photos: the dataset tank/photos is not mounted" in output
    assert "failed=1" in output and known == {}


def test_a_bare_truenas_is_planned_and_then_made(run, tmp_path):
    smb = {"name": "k8s", "protocol": "smb", "dataset": "tank/k8s", "share": "k8s"}
    with Server(tmp_path, bare=True) as tank:
        hosts = {"tank": truenas(tank, nas_exports=[PHOTOS, IMMICH, smb])}
        output, known = run(hosts, "--check", "--diff")
        assert tank.mutations == [] and "NFS share of /mnt/tank/photos" in output and "failed=0" in output
        assert known["tank"]["exports"] == 3
        run(hosts)
        assert [share["path"] for share in tank.host.read()["nfs_shares"]] == ["/mnt/tank/photos", "/mnt/tank/immich"]
        assert [share["name"] for share in tank.host.read()["smb_shares"]] == ["k8s"]
        tank.calls.clear()
        output, known = run(hosts)
        assert tank.mutations == [] and known["tank"]["sentinels_ok"] and known["tank"]["findings"] == []
        assert tank.methods.count("auth.login_ex") == 1 and known["tank"]["exports"] == 3


def test_a_truenas_with_smb_shares_alone(run, tmp_path):
    smb = {"name": "k8s", "protocol": "smb", "dataset": "tank/k8s", "share": "k8s"}
    with Server(tmp_path, bare=True) as tank:
        output, known = run({"tank": truenas(tank, nas_exports=[smb])})
        assert "changed=2" in output and known["tank"]["sentinels_ok"] and tank.methods.count("auth.login_ex") == 1
        assert [share["name"] for share in tank.host.read()["smb_shares"]] == ["k8s"] and tank.host.read()["nfs_shares"] == []


CARDINAL = {"name": "images", "dataset": "tank/Images", "squash": "all", "map_user": 1000, "map_group": 1000, "clients": ["10.0.0.0/8"]}


def test_others_are_named(run):
    exports = [{"name": "k8s", "protocol": "smb", "share": "k8s"}, {"name": "photos", "path": "/volume1/my photos", "subpaths": ["family"]}]
    hosts = {
        "unas": {"ansible_host": "127.0.0.1", "nas_provider": "none", "nas_exports": exports},
        "cardinal": {"ansible_host": "127.0.0.1", "nas_provider": "nixos", "nas_nixos_path": "/nowhere/at/all.nix", "nas_exports": [CARDINAL]},
    }
    output, known = run({"unas": hosts["unas"]})
    assert "failed=0" in output
    assert known["unas"]["skipped"] == "k8s, photos cannot be looked into from here" and known["unas"]["sentinels_ok"] is False
    assert "unas, export k8s: 127.0.0.1 does not answer on port 445 (SMB) from here." in output
    assert known["unas"]["next"] == [
        "mkdir -p .immich-guard/k8s  # in the folder of the share k8s",
        "sudo mkdir -p '/volume1/my photos/.immich-guard/photos'",
        "sudo mkdir -p '/volume1/my photos/family/.immich-guard/photos'",
    ]
    output, known = run(hosts, immich_rehearsal=True)
    assert {host: facts["skipped"] for host, facts in known.items()} == {
        "unas": "a rehearsal plays TrueNAS only",
        "cardinal": "a rehearsal plays TrueNAS only",
    }
    assert "does not answer" not in output  # nobody outside is even asked


def test_looking_as_root_is_said_by_name(run, tmp_path):
    """Only the one task that looks becomes root, and only where the inventory says so."""
    sudo = tmp_path / "sudo"
    sudo.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/became\nwhile [ "$1" != /bin/sh ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o755)
    unas = {"ansible_host": "127.0.0.1", "nas_provider": "none", "nas_exports": [{"name": "photos", "path": "/volume1/photos"}]}
    for as_root in (False, True):
        become = {"ansible_become_exe": str(sudo), "ansible_become_user": "nobody", "ansible_pipelining": True}  # who is root here becomes nobody else
        output, known = run({"unas": unas | {"nas_look_as_root": as_root}}, **become)
        assert "failed=0" in output and known["unas"]["skipped"] == "photos cannot be looked into from here"
        assert (tmp_path / "became").exists() is as_root
    assert len((tmp_path / "became").read_text().splitlines()) == 1


def test_nixos_in_a_checkout(run, tmp_path):
    checkout = tmp_path / "homelab"
    subprocess.run(["git", "init", "--quiet", checkout], check=True)
    file = checkout / "immich-exports.nix"
    cardinal = {"ansible_host": "192.0.2.20", "nas_provider": "nixos", "nas_nixos_path": str(file), "nas_exports": [CARDINAL]}
    output, known = run({"cardinal": cardinal}, "--check", "--diff")
    assert "changed=2" in output and "+    exports = ''" in output and not file.exists()
    assert known["cardinal"]["skipped"].startswith("would write ")
    output, known = run({"cardinal": cardinal})
    assert "changed=2" in output and "/tank/Images 10.0.0.0/8(rw," in file.read_text()
    steps = known["cardinal"]["next"]
    assert steps[0] == "Import immich-exports.nix in the configuration of cardinal: imports = [ ./immich-exports.nix ];"
    assert steps[1].startswith(f"git does not track the file, so a flake does not see it: git add {file}")
    assert "tank/Images" in steps[3] and ".immich-guard/images" in steps[3] and "zfs list" in output
    subprocess.run(["git", "-C", checkout, "add", file], check=True)
    output, known = run({"cardinal": cardinal})
    assert known["cardinal"]["skipped"].startswith("nothing to change in ")
    assert known["cardinal"]["next"][1].startswith("git tracks the file: commit it")
    (checkout / "flake.nix").write_text("{ imports = [ ./immich-exports.nix ]; }\n")
    subprocess.run(["git", "-C", checkout, "-c", "user.name=me", "-c", "user.email=me@example.net", "commit", "--quiet", "-m", "Export"], check=True)
    output, known = run({"cardinal": cardinal})
    assert known["cardinal"]["next"][0].startswith("git has the file as it is: deploy it")  # and somebody imports it
    subprocess.run(["git", "-C", checkout, "rm", "--quiet", "--cached", file], check=True)
    output, known = run({"cardinal": cardinal})
    assert known["cardinal"]["next"][0].startswith("git does not track the file")
    (checkout / ".gitignore").write_text("*.nix\n")
    output, known = run({"cardinal": cardinal | {"nas_nixos_path": str(checkout / "other.nix")}})
    assert known["cardinal"]["next"][1].startswith(f"git ignores the file, so a flake does not see it: git add --force {checkout}/other.nix")


def test_nixos_in_a_file_of_somebody_else(run, tmp_path):
    file = tmp_path / "nas.nix"
    file.write_text("{ services.nfs.server.enable = true; }\n")
    cardinal = {"ansible_host": "192.0.2.20", "nas_provider": "nixos", "nas_nixos_path": str(file), "nas_exports": [CARDINAL]}
    output, known = run({"cardinal": cardinal, "robin": cardinal | {"nas_nixos_path": f"{tmp_path}/nowhere/nas.nix"}})
    assert known == {} and f"nas_nixos_path is {file}, and that file was not written by this collection. Name a file of its own." in output
    assert file.read_text() == "{ services.nfs.server.enable = true; }\n"
    assert f"nas_nixos_path is {tmp_path}/nowhere/nas.nix, and there is no such folder." in output
    output, known = run({"cardinal": cardinal | {"nas_nixos_path": str(tmp_path)}}, "--check")
    assert known == {} and f"nas_nixos_path is {tmp_path}, and that is a folder. Name a file in it" in output


def test_nixos_of_a_reference_homelab(run, reference, tmp_path):
    """The group nas of that inventory, as it stands: the checkout is in the home of whoever runs it."""
    hosts = yaml.safe_load((reference / "design/inventories/nixos-argocd.yml").read_text())["all"]["children"]["nas"]["hosts"]
    assert [problem for export in hosts["cardinal"]["nas_exports"] for problem in nas.problems(export, "nixos")] == []
    folder = tmp_path / "home/src/homelab/nixos/hosts/cardinal"
    folder.mkdir(parents=True)
    output, known = run(hosts)
    assert "failed=0" in output, output
    options = "rw,sync,no_subtree_check,all_squash,anonuid=1000,anongid=1000,mountpoint,insecure"
    assert f"/tank/Images 10.0.0.0/8({options})\n" in (folder / "immich-exports.nix").read_text()
