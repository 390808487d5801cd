# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at a NixOS NAS: the real scripts in a plain shell, on a host in a folder, and what is made of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.nixos import look
from ansible_collections.homelab.immich.plugins.plugin_utils.nixos.findings import findings

from .nixos_host import Host


class Nas(Host):
    """A NAS that is as declared, until a test changes it."""

    def __init__(self, tmp: Path) -> None:
        super().__init__(tmp)
        self.datasets({"tank": {}, "tank/Images": {}})
        self.images = self.tank / "Images"
        self.images.chmod(0o755)
        (self.images / ".immich-guard/images").mkdir(parents=True)
        self.line = f"{self.images}\t10.0.0.0/8(rw,sync,all_squash,anonuid=1000,anongid=1000)\n"
        self.exported(self.line)
        self.export = {"name": "images", "dataset": "tank/Images", "path": str(self.images), "squash": "all", "map_user": 1000, "map_group": 1000}
        self.export["clients"] = ["10.0.0.0/8"]

    def exported(self, text: str) -> None:
        (self.root / "var/lib/nfs/etab").write_text(text)

    def seen(self, *exports: dict) -> look.Seen:
        """Look, as the action does."""
        wanted = exports or [self.export]
        seen = look.read_host(self._shell(look.host_script(wanted)))
        look.read_places(self._shell(look.places_script(wanted, seen)), seen)
        return seen

    def _shell(self, script: str) -> str:
        done = subprocess.run(["sh", "-c", script], env=os.environ | self.environment, capture_output=True, text=True, check=True)
        return done.stdout.replace("\n", "\r\n")  # as over a terminal

    def messages(self, **changed) -> list[tuple[str, str]]:
        """What is found: (severity, sentence)."""
        export = self.export | changed
        return [(finding.severity, finding.message) for finding in findings([export], self.seen(export), "cardinal")]


@pytest.fixture
def nas(tmp_path: Path) -> Nas:
    return Nas(tmp_path)


def test_as_declared(nas):
    assert nas.messages() == []
    assert nas.calls() == []


def test_the_look_changes_nothing(nas):
    (nas.images / ".immich-guard/images").rmdir()
    before = sorted(str(path) for path in nas.root.parent.rglob("*"))
    nas.messages(subpaths=["upload"])
    assert sorted(str(path) for path in nas.root.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"mounted": "no"}, "the dataset tank/Images is not mounted, so clients see nothing or an empty folder. Run sudo zfs mount tank/Images"),
        ({"mounted": "no", "keystatus": "unavailable"}, "is encrypted and locked. Run sudo zfs load-key tank/Images && sudo zfs mount tank/Images."),
        ({"sharenfs": "rw=@10.0.0.0/8"}, "by itself too (sharenfs=rw=@10.0.0.0/8 on tank/Images), and which of the two counts is chance. Run sudo zfs set"),
        ({"readonly": "on"}, "access is rw, and tank/Images has readonly=on. Run sudo zfs set readonly=off tank/Images, or set access: ro."),
    ],
)
def test_a_dataset_that_is_not_ready(nas, changed, says):
    nas.datasets({"tank": {}, "tank/Images": changed})
    ((severity, message),) = nas.messages()
    assert severity == "error" and says in message


def test_a_dataset_that_is_missing_comes_with_its_command(nas):
    nas.datasets({"tank": {}})
    ((severity, message),) = nas.messages(recordsize="1M", owner={"user": 1000, "group": 1000, "mode": "0750"})
    assert severity == "error" and message.endswith(
        "there is no dataset tank/Images. Make it: sudo zfs create -p -o recordsize=1048576 tank/Images"
        f" && sudo chown 1000:1000 {nas.images} && sudo chmod 0750 {nas.images}"
    )
    ((_severity, message),) = nas.messages(path="/srv/photos")[:1]
    assert "-o mountpoint=/srv/photos tank/Images" in message
    nas.datasets({})
    ((_severity, message), *_rest) = nas.messages(dataset="vault/Images")
    assert "the pool vault is not imported. Run sudo zpool import vault" in message


def test_a_dataset_mounted_elsewhere(nas):
    ((severity, message), *_rest) = nas.messages(path="/elsewhere")
    assert severity == "error" and f"is mounted at {nas.images}, and the export is /elsewhere. Set path: {nas.images}." in message


def test_no_zfs(nas):
    (nas.root / "bin/zfs").unlink()
    ((severity, message),) = nas.messages()
    assert severity == "error" and "there is no ZFS. Set boot.supportedFilesystems.zfs = true" in message


@pytest.mark.parametrize(
    ("declared", "real", "says"),
    [
        ({"recordsize": "1M"}, {}, "recordsize of tank/Images is 131072, and 1048576 is declared (1M). Run sudo zfs set recordsize=1048576 tank/Images"),
        ({"quota": "2T"}, {}, "quota of tank/Images is 0, and 2199023255552 is declared (2T)."),
        ({"compression": "ZSTD"}, {}, "compression of tank/Images is lz4, and zstd is declared"),
        ({"recordsize": "128K", "quota": "none", "compression": "LZ4"}, {}, None),
        ({"quota": "500Gi"}, {"quota": "536870912000"}, None),
        ({"compression": "gzip-6"}, {"compression": "gzip"}, None),
        ({}, {"quota": "1", "recordsize": "512"}, None),
    ],
)
def test_properties_are_compared_as_values(nas, declared, real, says):
    nas.datasets({"tank": {}, "tank/Images": real})
    found = nas.messages(**declared)
    assert [severity for severity, _message in found] == (["warning"] if says else [])
    assert not says or says in found[0][1]


def test_a_child_dataset_that_clients_see_empty(nas):
    nas.datasets({"tank": {}, "tank/Images": {}, "tank/Images/2024": {}})
    (nas.images / "2024/.immich-guard/images").mkdir(parents=True)
    ((severity, message),) = nas.messages()
    assert severity == "warning" and f"tank/Images/2024, mounted at {nas.images}/2024, has no export of its own, so clients see an empty folder" in message
    assert nas.messages(options=["crossmnt"]) == []
    (nas.images / "2024/.immich-guard/images").rmdir()
    ((severity, message),) = nas.messages(options=["crossmnt"])
    assert severity == "warning" and f"its sentinel is missing in {nas.images}/2024, so scans are refused." in message


def test_a_child_dataset_that_is_not_mounted(nas):
    nas.datasets({"tank": {}, "tank/Images": {}, "tank/Images/2024": {"mounted": "no"}})
    ((severity, message),) = nas.messages()
    assert severity == "warning" and "tank/Images/2024 below it is not mounted" in message and message.endswith("Run sudo zfs mount tank/Images/2024.")


def test_owner_and_mode(nas):
    nas.images.chmod(0o755)
    owner = nas.images.stat()
    assert nas.messages(owner={"user": owner.st_uid, "group": owner.st_gid, "mode": "0755"}) == []
    ((severity, message),) = nas.messages(owner={"user": 4711, "group": 4712, "mode": "0750"})
    assert severity == "warning" and f"Run sudo chown 4711:4712 {nas.images} && sudo chmod 0750 {nas.images}, or correct owner." in message


def test_subpaths(nas):
    ((severity, message),) = nas.messages(subpaths=["upload"], owner={"user": os.getuid(), "group": os.getgid()})
    assert severity == "error" and message.endswith(f"Make it: sudo install -d -o {os.getuid()} -g {os.getgid()} -m 0755 {nas.images}/upload")
    (nas.images / "upload").mkdir()
    ((severity, message),) = nas.messages(subpaths=["upload"])
    assert severity == "warning" and f"its sentinel is missing in {nas.images}/upload" in message


def test_a_folder_without_zfs(nas):
    attic = nas.tank / "attic"
    ((severity, message), *_rest) = nas.messages(dataset=None, path=str(attic))
    assert severity == "error" and f"there is no folder {attic}. Make it: sudo install -d -m 0755 {attic}" in message
    attic.symlink_to(nas.images)
    ((severity, message), *_rest) = nas.messages(dataset=None, path=str(attic))
    assert severity == "error" and f"{attic} is a symbolic link to {nas.images}. Declare that path instead." in message


@pytest.mark.parametrize(
    ("change", "severity", "says"),
    [
        (lambda line: "", "error", "Images is not exported to 10.0.0.0/8. Deploy the module"),
        (lambda line: line.replace("(rw,", "(ro,"), "error", "is exported to 10.0.0.0/8 with ro,"),
        (lambda line: line.replace("anonuid=1000", "anonuid=99"), "error", "anonuid=99"),
        (lambda line: line + line.replace("10.0.0.0/8", "*"), "warning", "is exported to * too, which clients does not have."),
    ],
)
def test_exports_that_differ(nas, change, severity, says):
    nas.exported(change(nas.line))
    ((found, message),) = nas.messages()
    assert found == severity and says in message


def test_a_host_name_is_in_the_table_in_full(nas):
    nas.exported(nas.line.replace("10.0.0.0/8", "node1.example.net"))
    assert nas.messages(clients=["node1"]) == []


def test_the_kernel_still_serves_what_was_before(nas):
    kernel = nas.root / "proc/fs/nfsd/exports"
    kernel.write_text(f"# Version 1.1\n# Path Client(Flags) # IPs\n{nas.images}\t10.0.0.0/8(rw,all_squash,sync,wdelay,anonuid=1000,anongid=1000)\n")
    assert nas.messages() == []
    kernel.write_text(f"{nas.images}\t10.0.0.0/8(rw,no_root_squash,sync,wdelay)\n")
    ((severity, message),) = nas.messages()
    assert severity == "error" and "the kernel still serves" in message and message.endswith("Run sudo exportfs -f on cardinal.")


@pytest.mark.parametrize(("options", "severity"), [("rw,all_squash,anonuid=1000,anongid=1000", "warning"), ("ro", "error")])
def test_an_export_that_two_files_have(nas, options, severity):
    (nas.root / "etc/exports").write_text(f"{nas.images} 10.0.0.0/8(rw,all_squash,anonuid=1000,anongid=1000)\n")
    (nas.root / "etc/exports.d/zfs.exports").write_text(f"{nas.images} 10.0.0.0/8({options})\n")
    ((found, message),) = nas.messages()
    assert found == severity and "2 times, in /etc/exports:1 and /etc/exports.d/zfs.exports:1" in message


@pytest.mark.parametrize("missing", ["var/lib/nfs/etab", "proc/net/tcp"])
def test_a_server_that_does_not_run(nas, missing):
    (nas.root / missing).unlink()
    ((severity, message),) = nas.messages()
    assert severity == "error" and message.startswith("cardinal: the NFS server does not run")


def test_where_immich_has_been(nas):
    assert nas.seen().marks == {}
    for folder in ("upload", "photos/library"):
        (nas.images / folder).mkdir(parents=True)
        (nas.images / folder / ".immich").touch()
    assert nas.seen().marks == {"images": ["photos/library/.immich", "upload/.immich"]}
    assert nas.seen(nas.export | {"access": "ro"}).marks == {}


def test_an_account_that_may_not_look_is_named(nas):
    (nas.root / "bin/id").write_text("#!/bin/sh\necho ansible\n")
    ((_severity, message), *_rest) = nas.messages(dataset=None, path=f"{nas.tank}/closed")
    assert f"there is no folder {nas.tank}/closed, or ansible may not see it." in message
