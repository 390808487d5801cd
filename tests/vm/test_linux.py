# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nas role against a real Linux NAS: OpenZFS, the kernel's NFS server, and its own NFSv4.2 client. The tests build on each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.nas_access import ACTIONS, can

from .machine import Machine, image, say

CLIENTS = ["127.0.0.0/8"]
OWNER = {"user": 1000, "group": 1000, "mode": "0750"}
PHOTOS = {"name": "photos", "dataset": "tank/photos", "access": "ro", "clients": CLIENTS, "recordsize": "1M", "compression": "ZSTD"}
PLAIN = {"name": "plain", "path": "/srv/my photos", "squash": "all", "map_user": 1000, "map_group": 1000, "clients": CLIENTS, "owner": OWNER}
# squash, access, who squashed users become
GRID = {
    f"{squash}-{access}-{mapped or 'nobody'}": {
        "dataset": f"tank/grid/{squash}-{access}-{mapped or 'nobody'}",
        "access": access,
        "squash": squash,
        **({"map_user": mapped, "map_group": mapped} if mapped else {}),
        "owner": OWNER,
        "clients": CLIENTS,
    }
    for squash in ("none", "root", "all")
    for access in ("rw", "ro")
    for mapped in ((None,) if squash == "none" else (None, 1000))
}
PEOPLE = [(0, 0, []), (1000, 1000, []), (2000, 1000, []), (2000, 2000, [1000]), (2000, 2000, []), (1000, 0, []), (65534, 65534, [])]
EXPORTS = [PHOTOS, PLAIN, *({"name": name, **export} for name, export in GRID.items())]
PLAY = "- {hosts: nas, gather_facts: false, tasks: [{ansible.builtin.import_role: {name: homelab.immich.nas}}]}\n"
STATE = (
    "zfs get -Hp -t filesystem -o name,property,value,source mountpoint,mounted,quota,recordsize,compression,sharenfs;"
    "cat /etc/exports /etc/exports.d/*.exports /var/lib/nfs/etab; systemctl is-enabled nfs-server; systemctl is-active nfs-server;"
    "find /tank /srv -xdev -printf '%p %U:%G %m\\n'; for d in $(zfs list -Ho mountpoint); do find $d -printf '%p %U:%G %m\\n'; done"
)


class Nas:
    """The machine as a NAS of an inventory."""

    def __init__(self, machine: Machine, work: Path, checkout: Path) -> None:
        self.machine, self.work, self.checkout = machine, work, checkout

    def run(self, exports: list[dict], *arguments: str) -> tuple[bool, bool, str]:
        """Run the role: (whether it succeeded, whether something changed, what was printed)."""
        host = {"ansible_host": "127.0.0.1", "ansible_port": self.machine.port, "ansible_user": "root", "nas_provider": "linux", "nas_exports": exports}
        host |= {"ansible_ssh_private_key_file": str(self.machine.folder / "key"), "ansible_python_interpreter": "/usr/bin/python3"}
        host["ansible_ssh_common_args"] = f"-F none -o UserKnownHostsFile={self.machine.folder / 'known_hosts'} -o HostKeyAlias=nas"
        (self.work / "hosts.json").write_text(json.dumps({"all": {"children": {"nas": {"hosts": {"attic": host}}}}}))
        (self.work / "play.yml").write_text(PLAY)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": str(self.checkout / "collections"),
            "ANSIBLE_HOME": str(self.work / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "10000",  # no wrapped warnings
        }
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml", "--diff", *arguments]
        done = subprocess.run(words, env=environment, cwd=self.work, capture_output=True, text=True, timeout=300, check=False)
        output = done.stdout + done.stderr
        return done.returncode == 0, "changed=1" in output, output

    def sh(self, script: str) -> str:
        """What a shell script prints on the machine."""
        return self.machine.sh(script).stdout

    def state(self) -> str:
        """Datasets, exports, service and folders."""
        return self.sh(STATE)


@pytest.fixture(scope="module")
def nas(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[Nas]:
    """The machine with an empty pool."""
    work = tmp_path_factory.mktemp("nas")
    machine = Machine(image(), work)
    try:
        machine.start()
        machine.sh("truncate -s 1G /var/tmp/tank; zpool create -O mountpoint=/tank tank /var/tmp/tank")
        # Debian's default: the server looks up a uid's groups by itself and ignores those that a client sends. The table is about those.
        machine.sh("sed -i 's/^manage-gids *=.*/manage-gids=n/' /etc/nfs.conf")
        yield Nas(machine, work, checkout)
    finally:
        machine.stop()


@pytest.fixture(autouse=True)
def named(request: pytest.FixtureRequest) -> None:
    """Progress: the machine is slow where there is no KVM."""
    say(request.node.name)


def test_check_mode_says_everything_and_does_nothing(nas: Nas) -> None:
    before = nas.state()
    fine, changed, output = nas.run(EXPORTS, "--check")
    assert fine and changed, output
    assert "create tank/photos" in output and "recordsize=1048576" in output and "+/tank/photos 127.0.0.0/8(ro," in output
    assert nas.state() == before


def test_an_empty_host_becomes_a_nas(nas: Nas) -> None:
    fine, changed, output = nas.run(EXPORTS)
    assert fine and changed, output
    table = nas.sh("exportfs -s; zfs get -Hpo value recordsize,compression tank/photos; stat -c %u:%g:%a '/srv/my photos'; cat /proc/fs/nfsd/versions")
    assert "/tank/photos" in table and "1048576\nzstd\n" in table and "1000:1000:750" in table and "+4.2" in table


def test_the_second_run_changes_nothing(nas: Nas) -> None:
    before = nas.state()
    fine, changed, output = nas.run(EXPORTS)
    assert fine and not changed, output
    assert nas.state() == before


def test_the_kernel_agrees_with_the_table(nas: Nas) -> None:
    script = ["cd /; mkdir -p /mnt/n; set +e"]
    asked = []
    for name, export in GRID.items():
        folder = f"/{export['dataset']}"
        script.append(f"touch {folder}/file; chown 1000:1000 {folder}/file; mount -t nfs4 -o vers=4.2,noac 127.0.0.1:{folder} /mnt/n || exit 1")
        for uid, gid, groups in PEOPLE:
            somebody = f"setpriv --reuid={uid} --regid={gid} {'--groups=' + ','.join(map(str, groups)) if groups else '--clear-groups'}"
            script.append(f"{somebody} sh -c 'ls /mnt/n/file' >/dev/null 2>&1 && echo yes || echo no")
            script.append(f"{somebody} sh -c 'touch /mnt/n/new && rm /mnt/n/new' >/dev/null 2>&1 && echo yes || echo no")
            script.append(f"{somebody} sh -c 'chown 1234 /mnt/n/file' >/dev/null 2>&1 && echo yes || echo no; chown 1000:1000 {folder}/file")
            asked += [(name, uid, gid, groups, action) for action in ACTIONS]
        script.append("umount /mnt/n")
    (nas.work / "grid.sh").write_text("\n".join(script))
    words = ["ssh", *nas.machine.options, "-p", str(nas.machine.port), "root@127.0.0.1", "sh"]
    done = subprocess.run(words, input="\n".join(script), capture_output=True, text=True, timeout=600, check=True)
    answers = done.stdout.split()
    assert len(answers) == len(asked) == len(GRID) * len(PEOPLE) * len(ACTIONS), done.stderr
    assert {"yes", "no"} == set(answers)
    wrong = []
    for (name, uid, gid, groups, action), answer in zip(asked, answers, strict=True):
        said = can(uid, gid, groups, {"name": name, **GRID[name]}, action)
        if said.allowed is not (answer == "yes"):
            wrong.append(f"{name}: uid {uid} gid {gid} groups {groups} {action}: the kernel says {answer}, can() says {said}")
    assert not wrong, "\n".join(wrong)


def test_a_child_dataset_is_named_and_gets_its_sentinel(nas: Nas) -> None:
    nas.sh("zfs create tank/photos/raw; zfs create tank/photos/away; zfs unmount tank/photos/away")
    fine, changed, output = nas.run(EXPORTS)
    assert fine and changed, output
    assert "tank/photos/raw, mounted at /tank/photos/raw, has no export of its own" in output
    assert "the dataset tank/photos/away below it is not mounted" in output
    assert nas.sh("ls -d /tank/photos/raw/.immich-guard/photos; ls -A /tank/photos/away") == "/tank/photos/raw/.immich-guard/photos\n"
    fine, _results, output = nas.run([PHOTOS | {"options": ["crossmnt"]}, *EXPORTS[1:]])
    assert fine and "has no export of its own" not in output
    seen = nas.sh("mount -t nfs4 -o vers=4.2 127.0.0.1:/tank/photos /mnt/n; setpriv --reuid=4242 --regid=4242 --clear-groups ls -A /mnt/n/raw; umount /mnt/n")
    assert seen == ".immich-guard\n"


def test_an_unmounted_dataset_is_refused_without_a_sentinel(nas: Nas) -> None:
    nas.sh("exportfs -f; zfs unmount tank/photos/raw; zfs unmount tank/photos")
    fine, changed, output = nas.run(EXPORTS)
    assert not fine and not changed
    assert "export photos: the dataset tank/photos is not mounted, so clients would see an empty folder. Run zfs mount tank/photos." in output
    assert nas.sh("ls -A /tank/photos") == ""
    nas.sh("zfs mount tank/photos; zfs mount tank/photos/raw")


def test_narrowing_names_who_is_connected(nas: Nas) -> None:
    export = next(export for export in EXPORTS if export["name"] == "none-rw-nobody")
    nas.sh("mount -t nfs4 -o vers=4.2 127.0.0.1:/tank/grid/none-rw-nobody /mnt/n; ls /mnt/n")
    fine, _results, output = nas.run([export | {"access": "ro"} if entry is export else entry for entry in EXPORTS], "--check")
    nas.sh("umount /mnt/n")
    assert fine and "127.0.0.0/8 may not write any more. Connected now: 127.0.0.1 (Linux NFSv4.2" in output, output


def test_broken_options_leave_the_exports_as_they_are(nas: Nas) -> None:
    nas.run(EXPORTS)
    before = nas.state()
    fine, _results, output = nas.run([PHOTOS | {"options": ["nonsense"]}, *EXPORTS[1:]])
    assert not fine and "exportfs refuses what is declared" in output and "nonsense" in output, output
    assert nas.state() == before


def test_everything_that_speaks_against_a_run_is_said_at_once(nas: Nas) -> None:
    nas.sh(
        "echo '/srv/foreign 127.0.0.1(ro)' > /etc/exports.d/other.exports; mkdir -p /srv/foreign /tank/old; touch /tank/old/file;"
        "zfs create tank/shared; zfs set sharenfs=on tank/shared;"
        "echo password | zfs create -o encryption=on -o keyformat=passphrase tank/secret; zfs unmount tank/secret; zfs unload-key tank/secret;"
        "truncate -s 64M /var/tmp/full; zpool create -O mountpoint=/full full /var/tmp/full; dd if=/dev/urandom of=/full/file bs=1M 2>/dev/null; sync;"
        "zfs create -o mountpoint=/elsewhere tank/moved; ln -s /srv/foreign /srv/link"
    )
    before = nas.state()
    fine, _results, output = nas.run(
        [
            {"name": "foreign", "path": "/srv/foreign", "clients": CLIENTS},
            {"name": "link", "path": "/srv/link", "clients": CLIENTS},
            {"name": "shared", "dataset": "tank/shared", "clients": CLIENTS},
            {"name": "secret", "dataset": "tank/secret", "clients": CLIENTS},
            {"name": "old", "dataset": "tank/old", "clients": CLIENTS},
            {"name": "full", "dataset": "full/photos", "clients": CLIENTS},
            {"name": "moved", "dataset": "tank/moved", "clients": CLIENTS},
            {"name": "nopool", "dataset": "nopool/photos", "clients": CLIENTS},
            {"name": "nobody", "dataset": "tank/nobody", "clients": CLIENTS, "owner": {"user": "nosuchuser", "group": 0}},
            {"name": "everybody", "dataset": "tank/everybody"},
        ]
    )
    assert not fine
    for sentence in (
        "export foreign: /etc/exports.d/other.exports:1 exports /srv/foreign already",
        "export link: /srv/link is a symbolic link to /srv/foreign",
        "export shared: ZFS exports tank/shared by itself (sharenfs=on on tank/shared)",
        "export secret: the dataset tank/secret is encrypted and locked",
        "export old: /tank/old exists and is not the dataset tank/old",
        "export full: the dataset full/photos is to be created, and full is full",
        "export moved: the dataset tank/moved is mounted at /elsewhere, and the export is /tank/moved. Set path: /elsewhere",
        "export nopool: the pool nopool is not imported",
        "export nobody: owner.user is nosuchuser, and there is no user nosuchuser on this host",
        "export everybody: clients",
    ):
        assert sentence in output, f"{sentence}\n{output}"
    assert nas.state() == before
