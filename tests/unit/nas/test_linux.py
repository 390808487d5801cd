# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports and datasets of a Linux host: what is read, what is written, and what is decided. Nothing here needs root."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.linux.exports import DROP_IN, differences, narrowed, parse, render
from ansible_collections.homelab.immich.plugins.module_utils.linux.look import NFS_SERVER, ZFS, as_kept, clients, datasets, install_hint, mounts
from ansible_collections.homelab.immich.plugins.module_utils.linux.plan import plan

PROPERTIES = {"canmount": "on", "mounted": "yes", "keystatus": "-", "readonly": "off", "sharenfs": "off", "available": str(2**30), "used": "4096"}
PROPERTIES |= {"quota": "0", "recordsize": "131072", "compression": "lz4"}
PHOTOS = {"name": "photos", "dataset": "tank/photos", "access": "ro", "clients": ["192.0.2.0/24"]}


def dataset(place: str, **changed: str) -> dict[str, tuple[str, str]]:
    return {key: (value, "local") for key, value in ({"mountpoint": place} | PROPERTIES | changed).items()}


def seen(**changed) -> dict:
    """A NAS with a pool and the dataset tank/photos, which nobody exports yet."""
    return {
        "zfs": True,
        "pools": ["tank"],
        "datasets": {"tank": dataset("/tank"), "tank/photos": dataset("/tank/photos")},
        "mounts": [("/", "ext4", "/dev/vda"), ("/tank", "zfs", "tank"), ("/tank/photos", "zfs", "tank/photos")],
        "fstab": ["/"],
        "files": {},
        "etab": "",
        "clients": [],
        "service": {"installed": True, "enabled": True, "active": True},
        "manage_gids": False,
    } | changed


def errors(declared: dict, **changed) -> str:
    return "\n".join(error["message"] for error in plan([declared], seen(**changed), "attic").errors)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a 192.0.2.7(rw)", [("/a", "192.0.2.7/32", ("rw",))]),
        ("/a  host(ro) *(rw,sync) # words", [("/a", "host", ("ro",)), ("/a", "*", ("rw", "sync"))]),
        ('"/a b" host', [("/a b", "host", ())]),
        (r"/a\040b\043 host(ro)", [("/a b#", "host", ("ro",))]),
        (r"/caf\303\251 host(ro)", [("/café", "host", ("ro",))]),
        ("/a -sync,ro x(rw) y", [("/a", "x", ("sync", "ro", "rw")), ("/a", "y", ("sync", "ro"))]),
        ("/a \\\n  host(ro)\n", [("/a", "host", ("ro",))]),
        ("/a/ (rw)", [("/a", "*", ("rw",))]),
        ("/a", [("/a", "*", ())]),
        ("# /a host(rw)\n\n", []),
    ],
)
def test_exports_are_read(text, expected):
    assert [(entry.path, entry.client, entry.options) for entry in parse(text)] == expected


def test_an_entry_knows_its_line():
    assert [entry.where for entry in parse("# words\n/a x\n/b \\\n y\n/c z\n", "/etc/exports")] == ["/etc/exports:2", "/etc/exports:3", "/etc/exports:5"]


@pytest.mark.parametrize(
    ("options", "writable", "squash"),
    [
        ("", False, ("root", 65534, 65534)),
        ("rw,no_root_squash", True, ("none", 0, 0)),
        ("rw,all_squash,anonuid=1000,anongid=100", True, ("all", 1000, 100)),
        ("rw,root_squash,anonuid=-2,anongid=-2,ro", False, ("root", 4294967294, 4294967294)),
    ],
)
def test_what_an_entry_means(options, writable, squash):
    [entry] = parse(f"/a x({options})")
    assert (entry.writable, entry.squash) == (writable, squash)


def test_a_drop_in_reads_back_as_it_was_written():
    text = render([("photos", r"/a\040b 192.0.2.0/24(ro,root_squash)")])
    assert text.startswith("# Written by") and [(entry.path, entry.client) for entry in parse(text)] == [("/a b", "192.0.2.0/24")]


def test_a_table_that_differs_is_told():
    wanted = parse("/a 192.0.2.0/24(ro)\n/b x(rw)\n/c x(ro)")
    table = parse("/a\t192.0.2.0/24(ro,sync,root_squash,anonuid=65534,anongid=65534)\n/b\tx(ro,sync)")
    assert differences(wanted, table) == ["/b is exported to x with ro,sync", "/c is not exported to x"]
    assert differences(wanted[:1], parse("/a 192.0.2.0/24(ro) *(ro)\n/d x(rw)")) == ["/a is exported to *, which is not declared"]


def test_a_host_is_kept_by_its_canonical_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda name, *rest, **flags: [(0, 0, 0, f"{name}.example.net", ())])
    kept = as_kept(parse("/a node1(ro) 192.0.2.7(ro) *.lan(ro) @nodes(ro)"))
    assert [entry.client for entry in kept] == ["node1.example.net", "192.0.2.7/32", "*.lan", "@nodes"]


def test_narrowing():
    before = parse("/a x(rw) y(rw) z(rw,no_root_squash)\n/b x(ro)")
    assert narrowed(before, parse("/a x(ro) z(rw)\n/b x(rw) y(rw)")) == {
        "/a": ["x may not write any more", "y may not mount it any more", "z is squashed (root) now"],
    }
    assert narrowed(before, before) == {}


def test_what_the_kernel_says_is_read():
    listing = "tank\tquota\t0\tdefault\ntank\tmountpoint\t/my tank\tlocal\n"
    assert datasets(listing) == {"tank": {"quota": ("0", "default"), "mountpoint": ("/my tank", "local")}}
    assert mounts(r"36 35 98:0 / /mnt/a\040b rw,noatime master:1 - zfs tank/a rw" + "\n") == [("/mnt/a b", "zfs", "tank/a")]
    info = 'clientid: 0x1\naddress: "192.0.2.11:848"\nname: "Linux NFSv4.2 node1"\n'
    assert clients([info, info, 'address: "[2001:db8::1]:900"\n']) == [("192.0.2.11", "Linux NFSv4.2 node1"), ("2001:db8::1", "")]


@pytest.mark.parametrize(
    ("os_release", "server", "zfs"),
    [
        ("ID=debian\n", "apt install nfs-kernel-server", "apt install zfsutils-linux"),
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', "apt install nfs-kernel-server", "apt install zfsutils-linux"),
        ("ID=fedora\n", "dnf install nfs-utils", "dnf install zfs, from the repository of OpenZFS"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install nfs-utils", "dnf install zfs, from the repository of OpenZFS"),
        ("ID=arch\n", "pacman -S nfs-utils", "the packages zfs-dkms and zfs-utils of the AUR"),
        ("ID=endeavouros\nID_LIKE=arch\n", "pacman -S nfs-utils", "the packages zfs-dkms and zfs-utils of the AUR"),
    ],
)
def test_how_each_family_installs_what_is_missing(os_release, server, zfs):
    assert (install_hint(NFS_SERVER, os_release), install_hint(ZFS, os_release)) == (server, zfs)


@pytest.mark.parametrize(("declared", "there"), [("GZIP-6", "gzip"), ("zstd-fast-1", "zstd-fast"), ("zstd-3", "zstd-3")])
def test_a_compression_that_zfs_calls_otherwise_is_no_change(declared, there):
    has = {"tank": dataset("/tank"), "tank/photos": dataset("/tank/photos", compression=there)}
    assert [step for step in plan([PHOTOS | {"compression": declared}], seen(datasets=has), "attic").steps if step.kind == "set"] == []


def test_a_size_is_compared_as_a_number():
    wanted = PHOTOS | {"recordsize": "128K", "quota": "1T", "compression": "LZ4"}
    steps = [(step.kind, step.target, step.before, step.after) for step in plan([wanted], seen(), "attic").steps]
    assert ("set", "tank/photos", "quota=0\n", f"quota={2**40}\n") in steps
    assert [step[0] for step in steps if step[1] == "tank/photos"] == ["set"]


def test_a_missing_dataset_is_created_with_what_is_above_it(tmp_path: Path):
    there = {"tank": dataset(str(tmp_path))}
    wanted = PHOTOS | {"dataset": "tank/a/photos", "path": f"{tmp_path}/a/photos", "recordsize": "1M"}
    steps = plan([wanted], seen(datasets=there), "attic").steps
    assert [(step.target, step.values) for step in steps if step.kind == "create"] == [("tank/a", ()), ("tank/a/photos", ("recordsize=1048576",))]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"zfs": False}, "there is no ZFS here"),
        ({"pools": []}, "the pool tank is not imported"),
        ({"mounts": [("/tank", "zfs", "tank")]}, "the dataset tank/photos is not mounted"),
        ({"datasets": {"tank/photos": dataset("/tank/photos", keystatus="unavailable")}}, "encrypted and locked"),
        ({"datasets": {"tank/photos": dataset("/tank/photos", sharenfs="on")}}, "sharenfs=on on tank/photos"),
        ({"files": {"/etc/exports": "/tank/photos *(rw)\n"}}, "/etc/exports:1 exports /tank/photos already"),
        ({"mounts": [("/tank/photos", "zfs", "tank/photos"), ("/tank/photos", "nfs4", "x:/y")]}, "x:/y is mounted over it"),
        ({"datasets": {"tank": dataset("/tank")}, "files": {DROP_IN: "/tank/photos *(ro)\n"}}, "was exported before and is gone"),
        ({"datasets": {"tank": dataset("/tank", available="0")}}, "tank is full"),
        ({"datasets": {"tank/photos": dataset("/tank/photos", available="0")}}, "the sentinel is missing, and tank/photos is full"),
        ({"datasets": {"tank/photos": dataset("/tank/photos", readonly="on")}}, "the sentinel is missing, and tank/photos has readonly=on"),
        ({"datasets": {"tank": dataset("/tank", mounted="no")}}, "tank/photos is to be created, and tank is not mounted. Run zfs mount tank."),
        ({"datasets": {"tank": dataset("/tank", keystatus="unavailable")}}, "tank is encrypted and locked. Run zfs load-key tank."),
        ({"datasets": {"tank": dataset("none")}}, "tank has mountpoint=none, so a new tank/photos has no place. Set path to where it belongs."),
        ({"datasets": {"tank": dataset("/pool")}}, "would be mounted at /pool/photos, and the export is /tank/photos. Set path: /pool/photos."),
        ({"mounts": [("/srv/photos", "zfs", "tank/photos")]}, "tank/photos is mounted at /srv/photos, and the export is /tank/photos. Set path: /srv/photos."),
        ({"service": {"installed": False, "enabled": False, "active": False}}, "there is no NFS server. Install it"),
    ],
)
def test_a_run_is_refused(changed, sentence):
    assert sentence in errors(PHOTOS, **changed)


@pytest.mark.parametrize(
    ("declared", "changed", "sentence"),
    [
        ({"quota": "1K"}, {}, "quota is 1K, and tank/photos holds 4096 bytes already. Give it more."),
        ({"access": "rw"}, {"datasets": {"tank/photos": dataset("/tank/photos", readonly="on")}}, "access is rw, and the dataset tank/photos has readonly=on."),
        ({"owner": {"user": "nosuchuser", "group": 0}}, {}, "owner.user is nosuchuser, and there is no user nosuchuser on this host."),
        ({"squash": "all", "map_user": 0, "map_group": "nosuchgroup"}, {}, "map_group is nosuchgroup, and there is no group nosuchgroup on this host."),
        ({"clients": []}, {}, "clients is empty, and that would be everybody."),
        ({"protocol": "smb", "share": "photos", "clients": []}, {}, "this collection makes SMB shares on TrueNAS only"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(declared, changed, sentence):
    assert sentence in errors(PHOTOS | declared, **changed)


def test_a_disk_that_is_not_mounted_gets_no_sentinel(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    wanted = {"name": "photos", "path": f"{tmp_path}/photos", "clients": ["192.0.2.0/24"]}
    assert f"{tmp_path} is in /etc/fstab and not mounted" in errors(wanted, fstab=[str(tmp_path)])
    assert "its sentinel is gone: a disk is probably not mounted" in errors(wanted, files={DROP_IN: f"{tmp_path}/photos x(rw)\n"})
    (tmp_path / "photos" / ".immich-guard" / "photos").mkdir(parents=True)
    assert errors(wanted, files={DROP_IN: f"{tmp_path}/photos x(rw)\n"}) == ""


def test_a_dataset_that_lost_its_photos_gets_no_sentinel(tmp_path: Path):
    wanted = {"name": "photos", "dataset": "tank/photos", "path": str(tmp_path), "access": "ro", "clients": ["192.0.2.0/24"]}
    there = {"datasets": {"tank/photos": dataset(str(tmp_path))}, "mounts": [("/", "ext4", "/dev/vda"), (str(tmp_path), "zfs", "tank/photos")]}
    before = {DROP_IN: f"{tmp_path} x(ro)\n"}
    assert f"{tmp_path} was exported before, and is empty now, without its sentinel: is tank/photos the right dataset?" in errors(
        wanted, files=before, **there
    )
    assert errors(wanted, **there) == "", "a new library may begin empty"
    assert errors({**wanted, "access": "rw"}, files=before, **there) == ""
    (tmp_path / "1.jpg").touch()
    assert errors(wanted, files=before, **there) == ""


def test_a_path_in_the_place_of_an_unmounted_dataset_gets_no_sentinel(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    wanted = {"name": "photos", "path": f"{tmp_path}/photos", "clients": ["192.0.2.0/24"]}
    away = {"tank": dataset("/tank"), "tank/photos": dataset(str(tmp_path), mounted="no")}
    assert f"{tmp_path} is the place of the dataset tank/photos, which is not mounted. Run zfs mount tank/photos." in errors(wanted, datasets=away)
    mounted = [("/", "ext4", "/dev/vda"), (str(tmp_path), "ext4", "/dev/vdb")]  # something else is there meanwhile
    assert errors(wanted, datasets=away, mounts=mounted) == ""
    assert errors(wanted, datasets={"tank/photos": dataset(str(tmp_path), mounted="no", canmount="off")}) == ""


def test_datasets_below_a_folder_are_named(tmp_path: Path):
    (tmp_path / "raw").mkdir()
    wanted = {"name": "photos", "path": str(tmp_path), "clients": ["192.0.2.0/24"]}
    below = {"tank/raw": dataset(f"{tmp_path}/raw"), "tank/away": dataset(f"{tmp_path}/away", mounted="no")}
    planned = plan([wanted], seen(datasets=below, mounts=[("/", "ext4", "/dev/vda"), (f"{tmp_path}/raw", "zfs", "tank/raw")]), "attic")
    said = [warning["message"] for warning in planned.warnings]
    assert f"tank/raw, mounted at {tmp_path}/raw, has no export of its own" in said[0]
    assert f"the dataset tank/away below it is not mounted, so clients see an empty folder at {tmp_path}/away. It gets no sentinel." in said[1]
    assert planned.sentinels == [f"{tmp_path}/.immich-guard/photos", f"{tmp_path}/raw/.immich-guard/photos"]


def test_only_an_empty_folder_of_root_gets_an_owner_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    there = {"uid": 0, "gid": 0, "mode": 0o755, "real": str(tmp_path), "folder": True, "empty": True}
    monkeypatch.setattr("ansible_collections.homelab.immich.plugins.module_utils.linux.export.folder", lambda path: there)
    wanted = {"name": "photos", "path": str(tmp_path), "clients": ["192.0.2.0/24"], "owner": {"user": 1000, "group": 1000, "mode": "0750"}}
    assert [step.values for step in plan([wanted], seen(), "attic").steps if step.kind == "own"] == [(1000, 1000, 0o750)]
    there["empty"] = False
    planned = plan([wanted], seen(), "attic")
    assert [step for step in planned.steps if step.kind == "own"] == []
    assert "has 0:0 0755, and the owner declared is 1000:1000 0750. It is left as it is" in planned.warnings[0]["message"]
    wanted["owner"]["enforce"] = True
    assert [step.values for step in plan([wanted], seen(), "attic").steps if step.kind == "own"] == [(1000, 1000, 0o750)]


@pytest.mark.parametrize(("manage_gids", "here", "warned"), [(True, [], True), (True, [1000], False), (False, [], False)])
def test_pods_that_need_a_group_which_this_server_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manage_gids, here, warned):
    there = {"uid": 500, "gid": 1000, "mode": 0o750, "real": str(tmp_path), "folder": True, "empty": False}
    monkeypatch.setattr("ansible_collections.homelab.immich.plugins.module_utils.linux.export.folder", lambda path: there)
    monkeypatch.setattr("ansible_collections.homelab.immich.plugins.module_utils.linux.export.groups_of", lambda uid: here)
    wanted = {"name": "photos", "path": str(tmp_path), "clients": ["192.0.2.0/24"]}
    pod = {"uid": 5000, "gid": 5000, "groups": [1000], "write": False}
    said = [warning["message"] for warning in plan([wanted], seen(manage_gids=manage_gids), "attic", {"photos": [pod], "other": [pod]}).warnings]
    expected = "attic, export photos: pods with uid 5000 may read here by their groups 1000 alone, and this server looks up the groups of that uid itself"
    assert [sentence.startswith(expected) for sentence in said] == [True] * warned


def test_who_loses_access_is_named(tmp_path: Path):
    folder = tmp_path / "photos"
    (folder / ".immich-guard" / "photos").mkdir(parents=True)
    wanted = {"name": "photos", "path": str(folder), "access": "ro", "clients": ["192.0.2.0/24"]}
    files = {DROP_IN: f"{folder} 192.0.2.0/24(rw)\n"}
    connected = [("192.0.2.11", "node1"), ("198.51.100.1", "node2")]
    [warning] = plan([wanted], seen(files=files, clients=connected), "attic").warnings
    assert "192.0.2.0/24 may not write any more. Connected now: 192.0.2.11 (node1)." in warning["message"]
    assert plan([wanted | {"access": "rw"}], seen(files=files, clients=connected), "attic").warnings == []
