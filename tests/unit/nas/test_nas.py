# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line of nas_exports means: on the NAS, and to a pod."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils import nas, nas_access

OWNED = {"name": "immich", "dataset": "tank/immich", "owner": {"user": 1000, "group": 1000, "mode": "0750"}}


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "export", "read", "write", "chown"),
    [
        # the rows of exports(5): who arrives as whom, and what the folder's mode then says
        (0, 0, [], {"squash": "none"}, True, True, True),
        (0, 0, [], {"squash": "none", "access": "ro"}, True, False, False),
        (0, 0, [], {"squash": "root"}, False, False, False),
        (0, 0, [], {}, False, False, False),  # root is squashed unless somebody says otherwise
        (0, 0, [], {"squash": "root", "map_user": 1000, "map_group": 1000}, True, True, False),
        (0, 0, [], {"squash": "all", "map_user": 1000, "map_group": 1000}, True, True, False),
        (1000, 1000, [], {"squash": "none"}, True, True, False),
        (1000, 1000, [], {"squash": "root"}, True, True, False),
        (1000, 1000, [], {"squash": "root", "map_user": 3000, "map_group": 3000}, True, True, False),  # others pass through
        (1000, 1000, [], {"squash": "all"}, False, False, False),
        (5000, 1000, [], {"squash": "root"}, True, False, False),  # by group: r-x
        (5000, 5000, [1000], {"squash": "root"}, True, False, False),
        (5000, 5000, [1000], {"squash": "all"}, False, False, False),  # squashing all drops the groups too
        (5000, 5000, [], {"squash": "none"}, False, False, False),
        (5000, 5000, [*range(6000, 6016), 1000], {"squash": "none"}, False, False, False),  # the 17th group is not sent
        (5000, 0, [], {"squash": "root", "owner": {"user": 1, "group": 0, "mode": "0770"}}, False, False, False),  # gid 0 is squashed on its own
        (5000, 0, [], {"squash": "none", "owner": {"user": 1, "group": 0, "mode": "0770"}}, True, True, False),
        (5000, 5000, [], {"squash": "none", "owner": {"user": 1000, "group": 1000}}, True, False, False),  # 0755 unless said otherwise
        (1000, 1000, [], {"owner": None}, None, None, False),
        (1000, 1000, [], {"owner": {"user": "photos", "group": "photos"}}, None, None, False),
        (1000, 1000, [], {"squash": "all", "map_user": "photos", "map_group": "photos", "owner": {"user": "photos", "group": "photos"}}, True, True, False),
    ],
)
def test_who_may_do_what(uid, gid, groups, export, read, write, chown):
    export = OWNED | export
    assert nas_access.can(uid, gid, groups, export, "read").allowed is read
    assert nas_access.can(uid, gid, groups, export, "write").allowed is write
    assert nas_access.can(uid, gid, groups, export, "chown").allowed is chown


def test_an_answer_says_why():
    assert nas_access.can(0, 0, [], OWNED, "write").reason == "uid 0 arrives as 65534, and 1000:1000 0750 does not let it write"
    assert nas_access.can(1000, 1000, [], OWNED, "write").reason == "uid 1000, and 1000:1000 0750 lets it write"
    assert nas_access.can(1000, 1000, [], OWNED | {"access": "ro"}, "write").reason == "the export is read-only"


def test_on_smb_only_read_only_is_certain():
    share = {"name": "k8s", "protocol": "smb", "share": "k8s"}
    assert nas_access.can(1000, 1000, [], share, "write").allowed is None
    assert nas_access.can(1000, 1000, [], share | {"access": "ro"}, "write").allowed is False
    assert nas_access.can(0, 0, [], share, "chown").allowed is False


@pytest.mark.parametrize(
    ("export", "fields"),
    [
        ({"squash": "none"}, {"maproot_user": "root", "maproot_group": "root", "mapall_user": None, "mapall_group": None}),
        ({"squash": "root"}, {"maproot_user": None, "maproot_group": None, "mapall_user": None, "mapall_group": None}),
        (
            {"squash": "root", "map_user": "photos", "map_group": "photos"},
            {"maproot_user": "photos", "maproot_group": "photos", "mapall_user": None, "mapall_group": None},
        ),
        ({"squash": "all", "map_user": 1000, "map_group": 1000}, {"maproot_user": None, "maproot_group": None, "mapall_user": 1000, "mapall_group": 1000}),
        ({"squash": "all"}, {"maproot_user": None, "maproot_group": None, "mapall_user": 65534, "mapall_group": 65534}),
    ],
)
def test_squash_becomes_maproot_and_mapall(export, fields):
    assert nas.truenas_share(OWNED | export) == {"ro": False} | fields
    assert nas.truenas_share(OWNED | export | {"access": "ro"}) == {"ro": True} | fields


def test_path_and_address():
    photos = {"name": "photos", "dataset": "tank/photos"}
    assert nas.nfs_path(photos, "truenas") == "/mnt/tank/photos"
    assert nas.nfs_path(photos, "nixos") == nas.nfs_path(photos) == "/tank/photos"
    assert nas.nfs_path(photos | {"path": "/srv/photos"}, "truenas") == "/srv/photos"
    with pytest.raises(ValueError, match="neither dataset nor path"):
        nas.nfs_path({"name": "photos"})
    host = {"inventory_hostname": "tank", "ansible_host": "192.0.2.10"}
    assert nas.export_address(host, photos) == "192.0.2.10"
    assert nas.export_address(host, photos | {"address": "198.51.100.10"}) == "198.51.100.10"
    assert nas.export_address({"inventory_hostname": "tank"}, photos) == "tank"
    assert nas.sentinel_path(photos) == ".immich-guard/photos"


def test_clients_in_their_normal_form():
    assert nas.normalise(OWNED | {"clients": ["192.0.2.9/24", "192.0.2.7", "2001:DB8::1/64", "node.example.net"]})["clients"] == [
        "192.0.2.0/24",
        "192.0.2.7/32",
        "2001:db8::/64",
        "node.example.net",
    ]


def test_normalising_twice_changes_nothing():
    once = nas.normalise(OWNED | {"map_user": "1000", "clients": ["192.0.2.7"]})
    assert once["map_user"] == 1000 and once["protocol"] == "nfs" and once["access"] == "rw" and once["squash"] == "root"
    assert nas.normalise(once) == once


@pytest.mark.parametrize(
    ("export", "provider", "says"),
    [
        ({"dataset": "tank/x"}, "truenas", "Give each export a name"),
        ({"name": "a/b", "dataset": "tank/x"}, "truenas", "name is 'a/b'"),
        ({"name": "..", "dataset": "tank/x"}, "truenas", "name is '..'"),
        ({"name": "x", "dataset": "tank/x", "squash": "no"}, "truenas", "squash is no. Use none, root or all."),
        ({"name": "x", "dataset": "tank/x", "access": "r"}, "truenas", "access is r. Use rw or ro."),
        ({"name": "x", "dataset": "tank/x", "protocol": "iscsi"}, "truenas", "protocol is iscsi"),
        ({"name": "x", "dataset": "/tank/x"}, "truenas", "dataset /tank/x is no ZFS name"),
        ({"name": "x", "dataset": "tank/x/"}, "truenas", "dataset tank/x/ is no ZFS name"),
        ({"name": "x", "path": "/volume1/x"}, "truenas", "dataset is not set"),
        ({"name": "x", "dataset": "tank/x", "quota": "500M"}, "truenas", "quota is 500M, and TrueNAS takes no less than 1G."),
        ({"name": "x", "dataset": "tank/x", "compression": "gzip-5"}, "truenas", "TrueNAS has gzip-1, gzip and gzip-9."),
        ({"name": "x", "dataset": "tank", "owner": {"user": 1000, "group": 1000}}, "truenas", "dataset is the pool tank, whose owner"),
        ({"name": "x", "path": "volume1/x"}, "none", "path volume1/x is not absolute"),
        ({"name": "x"}, "none", "neither dataset nor path is set"),
        ({"name": "x", "protocol": "smb"}, "none", "no share is named"),
        ({"name": "x", "protocol": "smb", "share": "x", "squash": "all"}, "none", "squash has no meaning for SMB"),
        ({"name": "x", "share": "x"}, "none", "share is set and protocol is nfs"),
        ({"name": "x", "dataset": "tank/x", "squash": "none", "map_user": 1000, "map_group": 1000}, "truenas", "squash is none, which maps nobody"),
        ({"name": "x", "dataset": "tank/x", "squash": "all", "map_user": 1000}, "truenas", "map_user is set alone"),
        ({"name": "x", "dataset": "tank/x", "owner": {"user": 1, "group": 1, "mode": 0o770}}, "truenas", "owner.mode is 504"),
        ({"name": "x", "dataset": "tank/x", "snapshots": {"schedule": "0 4 * * *", "keep": "a month"}}, "truenas", "snapshots.keep is a month"),
        ({"name": "x", "dataset": "tank/x", "options": ["insecure"]}, "truenas", "options are exports(5) options"),
    ],
)
def test_a_bad_export_is_one_sentence(export, provider, says):
    clients = {} if export.get("protocol") == "smb" else {"clients": ["192.0.2.0/24"]}
    (problem,) = nas.problems(clients | export, provider)
    assert says in problem


@pytest.mark.parametrize(
    ("export", "provider"),
    [
        (OWNED | {"squash": "none", "clients": ["192.0.2.0/24"], "snapshots": {"schedule": "0 4 * * *", "keep": "30d"}}, "truenas"),
        ({"name": "k8s", "protocol": "smb", "share": "k8s", "access": "rw"}, "none"),
        ({"name": "photos", "path": "/volume1/photos"}, "none"),
        ({"name": "images", "path": "/tank/i", "squash": "all", "map_user": 1000, "map_group": 1000, "options": ["insecure"], "clients": ["*"]}, "nixos"),
    ],
)
def test_good_exports_pass(export, provider):
    assert nas.problems(export, provider) == []
