# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Linux NAS, brought to what an inventory declares by site.yml over ssh: OpenZFS, the kernel's NFS server, and its own NFSv4.2 client.

The tests build on each other.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils.nas_access import ACTIONS, can

from .machine import Machine

CLIENTS = ["127.0.0.0/8"]
PHOTOS = {"name": "photos", "dataset": "tank/photos", "access": "ro", "clients": CLIENTS, "recordsize": "1M", "compression": "GZIP-6", "quota": "500M"}
OWNED = {"user": 1000, "group": 1000, "mode": "0750"}
PLAIN = {"name": "plain", "path": "/srv/my photos", "squash": "all", "map_user": 1000, "map_group": 1000, "clients": CLIENTS, "owner": OWNED}
PLAIN |= {"subpaths": ["family"]}
# the machine calls itself nas, and its canonical name is localhost
ALBUM = {"name": "album", "dataset": "tank/album", "access": "ro", "clients": [*CLIENTS, "nas"], "owner": {"user": 500, "group": 1000, "mode": "0750"}}
# the table that people read: every export that it has, and every process
TABLE = yaml.safe_load((Path(__file__).parents[2] / "docs" / "nas_access.yml").read_text())
GRID = {json.dumps(row["export"]): row["export"] for row in TABLE["rows"]}
GRID = {
    key: {"owner": TABLE["owner"], **export, "name": f"grid{number}", "path": f"/srv/grid/{number}", "clients": CLIENTS}
    for number, (key, export) in enumerate(GRID.items())
}
PEOPLE = sorted({(row["uid"], row["gid"], tuple(row.get("groups", []))) for row in TABLE["rows"]})
EXPORTS = [PHOTOS, PLAIN, ALBUM, *GRID.values()]
# an instance that reads the album by a supplemental group
HOME = {
    "immich_context": "home",
    "immich_version": "v3.3.5",
    "immich_url": "https://photos.home.arpa",
    "immich_admin_email": "admin@home.arpa",
    "immich_admin_password": "correct horse battery staple",
    "immich_run_as": {"uid": 5000, "gid": 5000},
    "immich_volumes": [
        {"name": "media", "mount": "/data", "size": "1Gi", "storage_class": "longhorn"},
        {"name": "album", "mount": "/mnt/album", "size": "1Gi", "access": "ro", "nfs": {"export": "album"}},
    ],
    "immich_patches": [
        {"kind": "Deployment", "name": "immich-server", "patch": {"spec": {"template": {"spec": {"securityContext": {"supplementalGroups": [1000]}}}}}}
    ],
}
GROUPS = {0: [0], 6000: [6000, 1000]}  # what the accounts of the machine have; nobody else has one
STATE = (
    "zfs get -Hp -t filesystem -o name,property,value,source mountpoint,mounted,quota,recordsize,compression,sharenfs;"
    "cat /etc/exports /etc/exports.d/*.exports /var/lib/nfs/etab; systemctl is-enabled nfs-server; systemctl is-active nfs-server;"
    "find /tank /srv /etc/exports.d -xdev -printf '%p %U:%G %m %T@\\n'; for d in $(zfs list -Ho mountpoint); do find $d -printf '%p %U:%G %m %T@\\n'; done"
)
# Who may do what, asked of the kernel: a process of its own for each question.
ASK = """
import json, os, subprocess, sys
def allowed(place, uid, gid, groups, action):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    try:
        os.setgroups(groups), os.setresgid(gid, gid, gid), os.setresuid(uid, uid, uid)
        if action == "read":
            os.listdir(place), os.stat(place + "/file")
        elif action == "write":
            open(place + "/new", "x").close(), os.unlink(place + "/new")
        else:
            os.chown(place + "/file", 1234, -1)
        os._exit(0)
    except OSError:
        os._exit(1)
folders, people, actions = json.loads(sys.argv[1])
for number, folder in enumerate(folders):  # all at once: the last umount is the slow one
    open(folder + "/file", "w").close()
    os.chown(folder + "/file", 1000, 1000)
    os.makedirs(f"/mnt/{number}", exist_ok=True)
    subprocess.run(["mount", "-t", "nfs4", "-o", "vers=4.2,noac", "127.0.0.1:" + folder, f"/mnt/{number}"], check=True)
answers = []
for number, folder in enumerate(folders):
    for uid, gid, groups in people:
        answers += [allowed(f"/mnt/{number}", uid, gid, groups, action) for action in actions]
        os.chown(folder + "/file", 1000, 1000)
for number in range(len(folders)):
    subprocess.run(["umount", f"/mnt/{number}"], check=True)
print(json.dumps(answers))
"""


class Nas:
    """The machine as a NAS of an inventory."""

    def __init__(self, machine: Machine, work: Path, checkout: Path) -> None:
        self.machine, self.work, self.checkout = machine, work, checkout

    def run(self, exports: list[dict], *arguments: str, user: str = "root") -> tuple[bool, bool, str]:
        """Run the NAS play of site.yml: (whether it succeeded, whether something changed, what was printed)."""
        host = {"ansible_host": "127.0.0.1", "ansible_port": self.machine.port, "ansible_user": user, "nas_provider": "linux", "nas_exports": exports}
        host |= {"ansible_ssh_private_key_file": str(self.machine.folder / "key"), "ansible_python_interpreter": "/usr/bin/python3"}
        host["ansible_ssh_common_args"] = f"-F none -o UserKnownHostsFile={self.machine.folder / 'known_hosts'} -o HostKeyAlias=nas"
        groups = {"nas": {"hosts": {"attic": host}}, "immich": {"hosts": {"home": HOME}}}
        (self.work / "hosts.json").write_text(json.dumps({"all": {"children": groups}}))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": str(self.checkout / "collections"),
            "ANSIBLE_HOME": str(self.work / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_TIMEOUT": "60",
            "COLUMNS": "10000",  # no wrapped warnings
        }
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", str(self.checkout / "site.yml"), "--limit", "attic", "--diff"]
        done = subprocess.run([*words, *arguments], env=environment, cwd=self.work, capture_output=True, text=True, timeout=600, check=False)
        output = done.stdout + done.stderr
        changed = re.search(r"^attic +: .*changed=(\d+)", output, re.MULTILINE)
        assert changed, output
        return done.returncode == 0, changed[1] != "0", output

    def sh(self, script: str) -> str:
        """What a shell script prints on the machine."""
        return self.machine.sh(script).stdout

    def state(self) -> str:
        """Datasets, exports, service and folders."""
        return self.sh(STATE)

    def wrong_answers(self, manage_gids: bool, people: list[tuple]) -> list[str]:
        """Where the kernel does not agree with the table, or with `can` for any export of the table and any of these processes."""
        question = json.dumps([[export["path"] for export in GRID.values()], people, ACTIONS])
        words = ["ssh", *self.machine.options, "-p", str(self.machine.port), "root@127.0.0.1", f"python3 - '{question}'"]
        done = subprocess.run(words, input=ASK, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stderr
        asked = [(key, person, action) for key in GRID for person in people for action in ACTIONS]
        kernel = dict(zip(asked, json.loads(done.stdout), strict=True))
        assert set(kernel.values()) == {True, False}
        wrong = []
        for row in TABLE["rows"]:
            person = (row["uid"], row["gid"], tuple(row.get("groups", [])))
            for action in ACTIONS if person in people and self._holds(row, manage_gids) else ():
                if kernel[json.dumps(row["export"]), person, action] is not row[action]:
                    wrong.append(f"manage-gids={manage_gids}: the kernel does not agree about {action} with {row}")
        for (key, (uid, gid, groups), action), answer in kernel.items():
            said = can(uid, gid, groups, GRID[key], action, nas_groups=GROUPS.get(uid, []) if manage_gids else None)
            if said.allowed is not answer:
                wrong.append(f"manage-gids={manage_gids}: {key} uid {uid} gid {gid} groups {groups} {action}: the kernel says {answer}, can() says {said}")
        return wrong

    @staticmethod
    def _holds(row: dict, manage_gids: bool) -> bool:
        """Whether a row is about a server that is set like this."""
        if "nas_groups" in row:
            return manage_gids
        return not manage_gids or not row.get("groups")


@pytest.fixture(scope="module")
def nas(machine: Machine, tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Nas:
    """The machine as a NAS with nothing but an empty pool."""
    return Nas(machine, tmp_path_factory.mktemp("inventory"), checkout)


def test_check_mode_says_everything_and_does_nothing(nas: Nas) -> None:
    before = nas.state()
    fine, changed, output = nas.run(EXPORTS, "--check")
    assert fine and changed, output
    assert "create tank/photos" in output and "recordsize=1048576" in output and "+/tank/photos 127.0.0.0/8(ro," in output
    assert nas.state() == before


def test_an_empty_host_becomes_a_nas(nas: Nas) -> None:
    fine, changed, output = nas.run(EXPORTS)
    assert fine and changed, output
    table = nas.sh("exportfs -s; zfs get -Hpo value recordsize,compression,quota tank/photos; stat -c %u:%g:%a '/srv/my photos'; cat /proc/fs/nfsd/versions")
    assert "/tank/photos" in table and f"1048576\ngzip\n{500 * 2**20}\n" in table and "1000:1000:750" in table and "+4.2" in table
    sentinels = "'/srv/my photos/.immich-guard/plain' '/srv/my photos/family/.immich-guard/plain' /tank/photos/.immich-guard/photos"
    assert nas.sh(f"stat -c '%F %u:%g %a' {sentinels}") == "directory 0:0 755\n" * 3
    # Debian's mountd has manage-gids
    assert "export album: pods with uid 5000 may read here by their groups 1000 alone, and this server looks up the groups of that uid itself" in output


def test_the_second_run_changes_nothing(nas: Nas) -> None:
    before = nas.state()
    fine, changed, output = nas.run(EXPORTS, user="admin")  # by sudo
    assert fine and not changed, output
    assert nas.state() == before


def test_the_kernel_agrees_with_the_table(nas: Nas) -> None:
    assert nas.wrong_answers(True, PEOPLE) == []  # as Debian comes
    # for half a minute the kernel expects a mountd that looks up groups to come back, and lets who asks meanwhile wait for minutes
    nas.sh("printf '[mountd]\nmanage-gids=n\n' > /etc/nfs.conf.d/immich.conf; systemctl restart nfs-server; sleep 31")
    assert nas.wrong_answers(False, [person for person in PEOPLE if person[2] or person[0] in GROUPS]) == []  # nobody else has groups to tell apart
    fine, _changed, output = nas.run(EXPORTS, "--check")
    assert fine and "looks up the groups" not in output, output


def test_a_child_dataset_is_named_and_gets_its_sentinel(nas: Nas) -> None:
    nas.sh("zfs create tank/photos/raw; zfs create tank/photos/away; zfs unmount tank/photos/away")
    fine, changed, output = nas.run(EXPORTS)
    assert fine and changed, output
    assert "tank/photos/raw, mounted at /tank/photos/raw, has no export of its own" in output
    assert "the dataset tank/photos/away below it is not mounted" in output
    assert nas.sh("ls -d /tank/photos/raw/.immich-guard/photos; ls -A /tank/photos/away") == "/tank/photos/raw/.immich-guard/photos\n"
    fine, _changed, output = nas.run([PHOTOS | {"options": ["crossmnt"]}, *EXPORTS[1:]])
    assert fine and "has no export of its own" not in output
    seen = nas.sh("mount -t nfs4 -o vers=4.2 127.0.0.1:/tank/photos /mnt/n; setpriv --reuid=4242 --regid=4242 --clear-groups ls -A /mnt/n/raw; umount /mnt/n")
    assert seen == ".immich-guard\n"


def test_an_unmounted_dataset_is_refused_without_a_sentinel(nas: Nas) -> None:
    nas.sh("exportfs -f; zfs unmount tank/photos/raw; zfs unmount tank/photos")
    fine, changed, output = nas.run(EXPORTS)
    assert not fine and not changed
    assert "export photos: the dataset tank/photos is not mounted, so clients would see an empty folder. Run zfs mount tank/photos." in output
    assert nas.sh("ls -A /tank/photos") == ""
    assert nas.sh("exportfs -f; mount -t nfs4 -o vers=4.2 127.0.0.1:/tank/photos /mnt/n 2>/dev/null && ls -A /mnt/n && echo mounted || true") == ""
    nas.sh("zfs mount tank/photos; zfs mount tank/photos/raw")


def test_narrowing_names_who_is_connected(nas: Nas) -> None:
    wide = next(export for export in EXPORTS if export.get("squash") == "none" and export.get("access") != "ro")
    nas.sh(f"mount -t nfs4 -o vers=4.2 127.0.0.1:{wide['path']} /mnt/n; ls /mnt/n")
    fine, _changed, output = nas.run([export | {"access": "ro"} if export is wide else export for export in EXPORTS], "--check")
    nas.sh("umount /mnt/n")
    assert fine and "127.0.0.0/8 may not write any more. Connected now: 127.0.0.1 (Linux NFSv4.2" in output, output


def test_broken_options_leave_the_exports_as_they_are(nas: Nas) -> None:
    before = nas.state()
    fine, _changed, output = nas.run([PHOTOS | {"options": ["sec=nonsense"]}, *EXPORTS[1:]])
    assert not fine and "exportfs refuses what is declared: exportfs: unknown flavor nonsense" in output, output
    fine, _changed, output = nas.run([PHOTOS | {"clients": ["nosuchhost"]}, *EXPORTS[1:]])
    assert not fine and "exportfs refuses what is declared: exportfs: Failed to resolve nosuchhost" in output, output
    assert nas.state() == before


def test_everything_that_speaks_against_a_run_is_said_at_once(nas: Nas) -> None:
    nas.sh(
        "echo '/srv/foreign 127.0.0.1(ro)' > /etc/exports.d/other.exports; mkdir -p /srv/foreign /tank/old; touch /tank/old/file;"
        "zfs create tank/shared; zfs set sharenfs=on tank/shared;"
        "echo password | zfs create -o encryption=on -o keyformat=passphrase tank/secret; zfs unmount tank/secret; zfs unload-key tank/secret;"
        "truncate -s 64M /var/tmp/full; zpool create -O mountpoint=/full full /var/tmp/full; dd if=/dev/urandom of=/full/file bs=1M 2>/dev/null; sync;"
        "zfs create tank/away; zfs unmount tank/away; zfs create -o mountpoint=/elsewhere tank/moved; ln -s /srv/foreign /srv/link"
    )
    before = nas.state()
    fine, _changed, output = nas.run(
        [
            ALBUM,
            {"name": "foreign", "path": "/srv/foreign", "clients": CLIENTS},
            {"name": "link", "path": "/srv/link", "clients": CLIENTS},
            {"name": "shared", "dataset": "tank/shared", "clients": CLIENTS},
            {"name": "secret", "dataset": "tank/secret", "clients": CLIENTS},
            {"name": "old", "dataset": "tank/old", "clients": CLIENTS},
            {"name": "full", "dataset": "full/photos", "clients": CLIENTS},
            {"name": "away", "path": "/tank/away", "clients": CLIENTS},
            {"name": "moved", "dataset": "tank/moved", "clients": CLIENTS},
            {"name": "nopool", "dataset": "nopool/photos", "clients": CLIENTS},
            {"name": "nobody", "dataset": "tank/nobody", "clients": CLIENTS, "owner": {"user": "nosuchuser", "group": 0}},
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
        "export away: /tank/away is the place of the dataset tank/away, which is not mounted. Run zfs mount tank/away.",
        "export moved: the dataset tank/moved is mounted at /elsewhere, and the export is /tank/moved. Set path: /elsewhere",
        "export nopool: the pool nopool is not imported",
        "export nobody: owner.user is nosuchuser, and there is no user nosuchuser on this host",
    ):
        assert sentence in output, f"{sentence}\n{output}"
    assert nas.state() == before


def test_a_client_list_that_is_empty_reaches_nothing(nas: Nas) -> None:
    fine, _changed, output = nas.run([ALBUM, {"name": "everybody", "dataset": "tank/everybody"}])
    assert not fine and "clients is empty, and that would be everybody." in output, output
    assert nas.sh("zfs list -Ho name | grep everybody || true") == ""
