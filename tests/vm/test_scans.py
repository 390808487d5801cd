# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guarded scans on a real NAS: what OpenZFS says has changed, and systemd that starts the guard by the clock."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport
from ansible_collections.homelab.immich.plugins.plugin_utils.schedules import on_host
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

from .machine import Machine

EMAIL, PASSWORD = "admin@example.net", "correct-horse-1"
LIBRARY = {"name": "NAS photos", "owner": EMAIL, "import_paths": ["/mnt/photos"], "scan": {"schedule": "0 */6 * * *", "max_removed": "10%"}}
SCAN = on_host([LIBRARY], [], {}, "home", "/data", "UTC")[0]["name"]
PHOTOS = """
set -e; zfs create -o mountpoint=/srv/library tank/library; zfs create tank/library/raw; cd /srv/library
mkdir -p 'a b' 2018 2019/sub 2021 gone raw/old .hidden .immich-guard/photos
for n in 1 2 3 4 5 6; do for d in 'a b' 2018 2019 2019/sub 2021 gone raw raw/old .hidden; do echo $n > "$d/$n.jpg"; done; done
echo x > 'a b/ü x\\y.jpg'; echo x > notes.txt; ln 2021/6.jpg 2021/twice.jpg; sync; zpool sync tank
"""
CHANGES = """
set -e; cd /srv/library
mv 2019 2020; echo new > 2020/new.jpg; rm 2020/2.jpg 2020/sub/3.jpg; mv 2020/4.jpg 2020/vier.jpg; mv 2020/5.jpg 2021/fünf.jpg; mv 'a b/1.jpg' 2020/sub/eins.jpg
mv 2018 'b c'; mv 'b c' 2020/deeper; rm -r gone; echo again > 'a b/2.jpg'; rm 'a b/3.jpg'; echo anew > 'a b/3.jpg'
mkdir -p more/and; echo x > more/and/1.jpg; echo x > more/2.txt; rm notes.txt; echo x > .hidden/7.jpg; mv 'a b/ü x\\y.jpg' 'a b/z.jpg'
mv raw/old raw/older; rm raw/1.jpg; echo x > raw/7.jpg; ln 2021/1.jpg 2021/linked.jpg; rm 2021/twice.jpg
echo edited > 2020/6.jpg; echo x > brief.jpg; rm brief.jpg; sync; zpool sync tank
"""
FILES = "cd /srv/library; find . -name .hidden -prune -o -type f -name '*.jpg' -print"
PLAY = """
- hosts: home
  gather_facts: false
  connection: local
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    ansible_connection: local
    __immich_guard_key: {secret: "{{ guard_key }}"}
  tasks:
    - ansible.builtin.import_role: {name: homelab.immich.deliver, tasks_from: defaults, rolespec_validate: false}
    - ansible.builtin.import_role: {name: homelab.immich.schedules, tasks_from: host, rolespec_validate: false}
"""


@pytest.fixture(scope="module")
def library(machine: Machine) -> Machine:
    """The machine with a library on two datasets."""
    machine.sh(PHOTOS)
    return machine


class Home:
    """An inventory with the machine as the NAS attic, and an Immich on this machine that the other sees on its loopback."""

    def __init__(self, machine: Machine, server: Server, work: Path, checkout: Path) -> None:
        self.machine, self.server, self.work, self.checkout = machine, server, work, checkout
        self.client = Client(HttpTransport(server.url))
        user = self.client.post("/auth/admin-sign-up", {"email": EMAIL, "name": "Admin", "password": PASSWORD}, doing="sign up")
        self.client.login(EMAIL, PASSWORD)
        self.client.post("/libraries", {"ownerId": user["id"], "name": "NAS photos", "importPaths": ["/mnt/photos"]}, doing="make it")
        self.key = self.client.post("/api-keys", {"name": "guard", "permissions": ["all"]}, doing="make a key")["secret"]

    def run(self, *words: str, user: str = "root") -> str:
        """What a command of Ansible prints."""
        attic = {"ansible_host": "127.0.0.1", "ansible_port": self.machine.port, "ansible_user": user, "ansible_python_interpreter": "/usr/bin/python3"}
        attic |= {"ansible_ssh_private_key_file": str(self.machine.folder / "key"), "ansible_connection": "ssh"}
        attic["ansible_ssh_common_args"] = f"-F none -o UserKnownHostsFile={self.machine.folder / 'known_hosts'} -o HostKeyAlias=nas"
        home = {
            "immich_rehearsal": False,
            "immich_context": "home",
            "immich_version": "v3.3.5",
            "immich_url": self.server.url,
            "immich_api_url": self.server.url,
            "immich_timezone": "Europe/Amsterdam",
            "immich_admin_email": EMAIL,
            "immich_admin_password": PASSWORD,
            "immich_scan_owner": "host",
            "immich_scan_host": "attic",
            "immich_guard_folders": {"/mnt/photos": "/srv/library"},
            "immich_volumes": [],
            "immich_libraries": [LIBRARY],
            "guard_key": self.key,
        }
        (self.work / "hosts.json").write_text(json.dumps({"all": {"children": {"nas": {"hosts": {"attic": attic}}, "immich": {"hosts": {"home": home}}}}}))
        (self.work / "play.yml").write_text(PLAY)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": str(self.checkout / "collections"),
            "ANSIBLE_HOME": str(self.work / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_TIMEOUT": "60",
        }
        command = [str(Path(sys.executable).with_name(words[0])), "-i", "hosts.json", *words[1:]]
        done = subprocess.run(command, env=environment, cwd=self.work, capture_output=True, text=True, timeout=1800, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.key not in done.stdout + done.stderr
        return done.stdout

    def changes(self, *arguments: str, user: str = "admin", **options: Any) -> dict[str, Any]:
        """What the module zfs_changes returns."""
        library = {"name": "NAS photos", "owner": EMAIL, "folders": {"/mnt/photos": "/srv/library"}, "total": 50}
        given = json.dumps({"instance": "home", "libraries": [library], **options})
        said = self.run("ansible", "attic", "-m", "homelab.immich.zfs_changes", "-a", given, *arguments, user=user)
        result: dict[str, Any] = json.loads(said.partition("=>")[2])
        return result

    def snapshots(self) -> list[str]:
        return self.machine.sh("zfs list -Ho name -t snapshot -r tank/library").stdout.split()

    def scan(self) -> tuple[int, str]:
        """Start the guard as its timer would, and wait: (exit code, what the journal has of it)."""
        self.machine.sh(f"journalctl --rotate -q; journalctl --vacuum-time=1s -q; systemctl start {SCAN}.service", check=False)
        code = self.machine.sh(f"systemctl show -p ExecMainStatus --value {SCAN}.service; systemctl stop {SCAN}.service").stdout.strip()
        return int(code), self.machine.sh(f"journalctl -u {SCAN}.service -o cat --no-pager").stdout


@pytest.fixture(scope="module")
def home(library: Machine, tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[Home]:
    work = tmp_path_factory.mktemp("home")
    photos = work / "photos"  # the same as the machine has
    for path in library.sh(FILES).stdout.splitlines():
        (photos / path).parent.mkdir(parents=True, exist_ok=True)
        (photos / path).write_bytes(b"a photo")
    with Server("3.3.5", {"/mnt/photos": photos}, work) as server:
        port = server.url.rpartition(":")[2]
        words = ["ssh", *library.options, "-p", str(library.port), "-N", "-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:{port}:127.0.0.1:{port}"]
        tunnel = subprocess.Popen([*words, "root@127.0.0.1"], stdin=subprocess.DEVNULL)
        try:
            yield Home(library, server, work, checkout)
        finally:
            tunnel.terminate()
            tunnel.wait()


def test_zfs_tells_what_a_scan_will_add_and_remove(home: Home) -> None:
    """As a user who may no more than the documentation says, and as a walk before and after finds it."""
    home.machine.sh("zfs allow -u admin diff,snapshot,destroy,mount,userprop tank/library")
    first = home.changes()
    assert first["plans"] == {} and len(home.snapshots()) == 2  # of both datasets
    assert home.changes(state="done", snapshots=first["snapshots"], scanned=["NAS photos"])["destroyed"] == []
    before = set(home.machine.sh(FILES).stdout.splitlines())
    home.machine.sh(CHANGES)
    after = set(home.machine.sh(FILES).stdout.splitlines())
    added, removed = after - before, before - after
    assert len(before) == 50 and len(added) > 15 and len(removed) > 15
    would = home.changes("--check")["plans"]["NAS photos"]
    assert len(home.snapshots()) == 2
    second = home.changes()
    plan = second["plans"]["NAS photos"]
    assert (plan["added"], plan["removed"], plan["found"]) == (len(added), len(removed), len(after)) and plan["renamed"] > 10
    assert (would["added"], would["removed"]) == (plan["added"], plan["removed"])
    assert {path.replace("/mnt/photos", ".") for path in plan["examples"]["removed"]} <= removed
    assert plan["sentinels_lost"] == []
    # it was not scanned: what was taken for it goes, and that of the last good scan stays
    assert len(home.changes(state="done", snapshots=second["snapshots"], scanned=[])["destroyed"]) == 2
    assert sorted(home.snapshots()) == sorted(f"tank/library{child}@{first['snapshots']['NAS photos']}" for child in ("", "/raw"))


def test_a_sentinel_and_a_child_dataset_that_went_are_found(home: Home) -> None:
    home.machine.sh("cd /srv/library; rmdir .immich-guard/photos; zfs unmount tank/library/raw; sync; zpool sync tank")
    plan = home.changes("--check", user="root")["plans"]["NAS photos"]
    home.machine.sh("mkdir /srv/library/.immich-guard/photos; zfs mount tank/library/raw")
    assert sorted(plan["sentinels_lost"]) == ["/mnt/photos/raw", "/srv/library/.immich-guard/photos"]


def test_systemd_scans_by_the_clock(home: Home) -> None:
    home.machine.sh("rm -rf /srv/library/.immich-guard; mkdir -p /srv/library/.immich-guard/photos /srv/library/raw/.immich-guard/photos")
    home.run("ansible-playbook", "play.yml")
    again = home.run("ansible-playbook", "play.yml", "--diff")
    assert re.search(r"^home +: .*changed=0 ", again, re.MULTILINE), again
    timers = home.machine.sh(f"systemctl list-timers --no-pager 'immich-guard-home-*'; systemctl is-enabled {SCAN}.timer immich-guard-home-watch.timer").stdout
    assert "2 timers listed" in timers and f"{SCAN}.timer" in timers and timers.count("enabled") == 2, timers
    assert home.machine.sh(f"systemd-analyze verify {SCAN}.service {SCAN}.timer").stderr == ""
    code, said = home.scan()
    assert code == 0 and "new assets, 0 into the trash" in said, said
    home.machine.sh("zfs unmount tank/library/raw; zfs unmount tank/library")
    code, said = home.scan()
    home.machine.sh("zfs mount tank/library; zfs mount tank/library/raw")
    assert code == 4 and "is probably not mounted" in said and "Nothing was changed. Mount it" in said, said
    assert home.scan()[0] == 0
