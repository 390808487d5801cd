# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documented table of squash, map and access, row by row, and what it becomes on each kind of NAS."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils import nas, nas_access

TABLE = yaml.safe_load((Path(__file__).parents[3] / "docs" / "nas_access.yml").read_text())
EXPORT = {"name": "photos", "dataset": "tank/photos", "clients": ["192.0.2.0/24"]}


@pytest.mark.parametrize("row", TABLE["rows"], ids=lambda row: f"{row['export']} {row['uid']}:{row['gid']}")
def test_a_row_of_the_table(row):
    export = EXPORT | {"owner": TABLE["owner"]} | row["export"]
    user, group, _groups = nas_access.seen_as(row["uid"], row["gid"], row.get("groups", []), export, row.get("nas_groups"))
    assert f"{user}:{group}" == row["arrives"]
    for action in nas_access.ACTIONS:
        answer = nas_access.can(row["uid"], row["gid"], row.get("groups", []), export, action, nas_groups=row.get("nas_groups"))
        assert answer.allowed is row[action], action


def test_the_table_has_every_squash_with_and_without_a_map():
    shown = {(row["export"]["squash"], "map_user" in row["export"]) for row in TABLE["rows"]}
    assert shown == {("none", False), ("root", False), ("root", True), ("all", False), ("all", True)}


def test_the_owner_that_is_really_there_decides():
    export = EXPORT | {"squash": "root", "owner": {"user": 1000, "group": 1000}}
    assert nas_access.can(1000, 1000, [], export, "write").allowed is True
    real = nas_access.can(1000, 1000, [], export, "write", owner={"user": 0, "group": 0, "mode": "0755"})
    assert real.allowed is False and real.reason == "uid 1000, and 0:0 0755 does not let it write"


@pytest.mark.parametrize(
    ("export", "options"),
    [
        ({"squash": "none"}, "rw,sync,no_subtree_check,no_root_squash,mountpoint"),
        ({"access": "ro"}, "ro,sync,no_subtree_check,root_squash,mountpoint"),
        ({"map_user": 1000, "map_group": "1001"}, "rw,sync,no_subtree_check,root_squash,anonuid=1000,anongid=1001,mountpoint"),
        ({"squash": "all", "options": ["async", "insecure"]}, "rw,no_subtree_check,all_squash,mountpoint,async,insecure"),
        ({"path": "/tank/photos/my pictures"}, "rw,sync,no_subtree_check,root_squash,mountpoint=/tank/photos"),
        ({"path": "/srv/elsewhere"}, "rw,sync,no_subtree_check,root_squash"),  # where the dataset is mounted is not known
        ({"dataset": None, "path": "/srv/photos"}, "rw,sync,no_subtree_check,root_squash"),
        ({"options": ["mp=/tank"]}, "rw,sync,no_subtree_check,root_squash,mp=/tank"),
    ],
)
def test_the_options_of_exports(export, options):
    assert ",".join(nas.exports_options(EXPORT | export)) == options


def test_a_line_of_exports():
    export = EXPORT | {"path": '/tank/photos/my "own" #1', "clients": ["192.0.2.0/24", "*.example.net"]}
    shown = "(rw,sync,no_subtree_check,root_squash,mountpoint=/tank/photos)"
    assert nas.exports_line(export) == rf"/tank/photos/my\040\042own\042\040\0431 192.0.2.0/24{shown} *.example.net{shown}"
    moved = nas.exports_options(EXPORT | {"path": "/srv/photos/a"}, mountpoint="/srv/photos")
    assert moved[-1] == "mountpoint=/srv/photos"
    with pytest.raises(ValueError, match="map_user is photos, and exports"):
        nas.exports_line(EXPORT | {"map_user": "photos", "map_group": "photos"})


def test_sentinels_are_where_somebody_mounts():
    export = EXPORT | {"subpaths": ["family"]}
    assert nas.sentinel_places(export, "truenas", ["/mnt/tank/photos/2024"]) == [
        "/mnt/tank/photos/.immich-guard/photos",
        "/mnt/tank/photos/family/.immich-guard/photos",
        "/mnt/tank/photos/2024/.immich-guard/photos",
    ]


def test_the_commands_make_nothing_in_an_empty_mount_point(tmp_path):
    """Run what people are told to run, on a NAS whose second dataset is not mounted."""
    import os
    import subprocess

    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "zfs").write_text(f"#!/bin/sh\nprintf 'yes\\t{tmp_path}/my photos\\nno\\t{tmp_path}/unmounted\\n'\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    for folder in ("my photos", "unmounted"):
        (tmp_path / folder).mkdir()
    (command,) = nas.sentinel_commands(EXPORT, "nixos")
    subprocess.run(["sh", "-c", command], env={"PATH": f"{tools}:{os.environ['PATH']}"}, check=True)
    assert (tmp_path / "my photos" / ".immich-guard" / "photos").is_dir()
    assert list((tmp_path / "unmounted").iterdir()) == []


@pytest.mark.parametrize(("text", "size"), [("512", 512), ("1M", 2**20), ("1MiB", 2**20), ("500Gi", 500 * 2**30), ("2t", 2**41), ("1.5K", 1536)])
def test_sizes(text, size):
    assert nas.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1G", "1 TB and a bit"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is no size"):
        nas.parse_size(text)


@pytest.mark.parametrize(
    ("export", "provider", "says"),
    [
        ({"clients": []}, "truenas", "clients is empty, and that would be everybody."),
        ({"clients": []}, "linux", 'or write clients: ["*"].'),
        ({"clients": ["*", "192.0.2.7"]}, "nixos", 'Keep "*" alone'),
        ({"map_user": "photos", "map_group": "photos"}, "nixos", "map_user is photos, and exports(5) takes numbers."),
        ({"map_user": 0, "map_group": "root"}, "linux", "Use squash: none."),
        ({"map_user": 1000}, "linux", "map_user is set alone"),
        ({"squash": "none", "map_user": 1, "map_group": 1}, "nixos", "squash is none, which maps nobody"),
        ({"path": "/mnt/tank/other"}, "truenas", "path /mnt/tank/other is not in the dataset tank/photos"),
        ({"path": "/tank/photos/../secret"}, "linux", "has dots in it"),
        ({"subpaths": ["../other"]}, "linux", "subpaths has ../other"),
        ({"subpaths": ["/family"]}, "linux", "subpaths has /family"),
        ({"subpaths": [".immich-guard/x"]}, "linux", "subpaths has .immich-guard/x"),
        ({"options": ["no_root_squash"]}, "linux", "options has no_root_squash, which squash says."),
        ({"options": ["anonuid=1"]}, "linux", "options has anonuid=1, which map_user says."),
        ({"options": ["insecrue"]}, "linux", "options has insecrue, which exports(5) does not know."),
        ({"options": ["sync,crossmnt"]}, "linux", "one option an entry"),
        ({"quota": "lots"}, "truenas", "quota is lots."),
        ({"recordsize": "100K"}, "linux", "recordsize is 100K. Write a power of two"),
        ({"compression": "zip"}, "linux", "compression is zip."),
        ({"quota": "1T"}, "none", "nothing is changed on a NAS of nas_provider: none"),
        ({"dataset": None, "path": "/srv/photos", "quota": "1T"}, "linux", "quota is a property of a ZFS dataset"),
        ({"snapshots": {"schedule": "0 4 * * *", "keep": "30d"}}, "nixos", "snapshots are taken on TrueNAS only."),
        ({"protocol": "smb", "share": "photos", "clients": []}, "linux", "this collection makes SMB shares on TrueNAS only"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(export, provider, says):
    (problem,) = nas.problems(EXPORT | export, provider)
    assert says in problem


@pytest.mark.parametrize(
    "export",
    [{"quota": "none"}, {"recordsize": "1M", "compression": "zstd-3", "quota": "2T"}, {"clients": ["*"]}, {"options": ["crossmnt", "fsid=0", "sec=sys"]}],
)
def test_what_is_meant_passes(export):
    assert nas.problems(EXPORT | export, "linux") == []
