# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the NAS of a rehearsal holds, and that what people do to it stays done."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.rehearsal.truenas import folder, seed
from ansible_collections.homelab.immich.rehearsal.truenas.state import Host
from ansible_collections.homelab.immich.rehearsal.truenas.testing import IMMICH, PHOTOS, Server


def spec(*exports, provider="truenas", host="tank"):
    return {"nas": {host: {"provider": provider, "address": "192.0.2.10", "exports": list(exports)}}}


@pytest.fixture
def tank(tmp_path):
    """A NAS on which somebody made what is declared."""
    with Server(tmp_path) as server:
        yield server.host


def test_a_truenas_starts_bare(tmp_path):
    seed(spec(PHOTOS, IMMICH | {"squash": "all", "map_user": 1000, "map_group": 1000}), tmp_path)
    host = Host(tmp_path, "tank")
    state = host.read()
    assert sorted(state["datasets"]) == ["tank"] and list(host.on_disk("/mnt/tank").iterdir()) == []
    assert state["nfs_shares"] == [] and [service["state"] for service in state["services"]] == ["STOPPED"] * 3
    assert {"uid": 1000, "username": "id1000"} in state["users"]  # accounts are the NAS's own, and those that are declared are there


def photos_of(place):
    return sorted(path for path in place.rglob("*.jpg"))


def test_a_read_only_export_holds_photos(tank, tmp_path):
    place = folder(tmp_path / "nas", "tank", "truenas", PHOTOS)
    assert place == tmp_path / "nas" / "tank" / "mnt" / "tank" / "photos"
    photos = photos_of(place)
    assert len(photos) == 40
    assert len({photo.read_bytes() for photo in photos}) == 40  # a server that knows files by checksum must see 40
    assert len({photo.relative_to(place).parent for photo in photos}) > 5
    assert (place / nas.sentinel_path(PHOTOS)).is_dir()


def test_the_photos_are_jpegs(tank):
    """Every marker in its place, and 8 by 8 pixels."""
    for photo in photos_of(tank.on_disk("/mnt/tank/photos"))[:3]:
        data = photo.read_bytes()
        assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"
        at, size = 2, None
        while data[at + 1] != 0xDA:
            assert data[at] == 0xFF
            if data[at + 1] == 0xC0:
                size = struct.unpack(">HH", data[at + 5 : at + 9])
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        assert size == (8, 8)


def test_an_export_for_uploads_starts_empty(tank):
    assert [path.name for path in tank.on_disk("/mnt/tank/immich").iterdir()] == [".immich-guard"]


def test_photos_of_somebody_are_left_alone(tmp_path):
    with Server(tmp_path, bare=True) as server:
        server.make([PHOTOS | {"access": "rw"}])
        place = server.folder("/mnt/tank/photos")
        (place / "mine.jpg").touch()
        server.make([PHOTOS])
        assert [photo.name for photo in photos_of(place)] == ["mine.jpg"]


def test_what_somebody_does_to_the_nas_stays_done(tank):
    state = tank.read()
    state["nfs_shares"][0]["ro"] = False
    state["services"][1]["state"] = "STOPPED"
    tank.write(state)
    (tank.on_disk("/mnt/tank/photos") / nas.sentinel_path(PHOTOS)).rmdir()
    photos_of(tank.on_disk("/mnt/tank/photos"))[0].unlink()
    seed(spec(PHOTOS, IMMICH), tank.root.parent)
    assert tank.read() == state
    assert not (tank.on_disk("/mnt/tank/photos") / nas.sentinel_path(PHOTOS)).exists()
    assert len(photos_of(tank.on_disk("/mnt/tank/photos"))) == 39


def test_an_export_that_is_no_longer_declared_stays(tank):
    seed(spec(PHOTOS), tank.root.parent)
    assert len(tank.read()["nfs_shares"]) == 2


def test_unmounting_hides_what_a_dataset_holds_and_mounting_brings_it_back(tank):
    def mount(mounted):
        state = tank.read()
        state["datasets"]["tank/photos"]["mounted"] = mounted
        tank.write(state)

    place = tank.on_disk("/mnt/tank/photos")
    mount(False)
    assert place.is_dir() and list(place.iterdir()) == []
    (place / "written-below-the-mount").touch()
    tank.read()
    mount(True)
    assert len(photos_of(place)) == 40 and not (place / "written-below-the-mount").exists()
    mount(False)
    mount(True)
    assert len(photos_of(place)) == 40


def test_unmounting_a_pool_hides_its_datasets(tank):
    state = tank.read()
    state["datasets"]["tank"]["mounted"] = False
    tank.write(state)
    assert list(tank.on_disk("/mnt/tank").iterdir()) == []
    state["datasets"]["tank"]["mounted"] = True
    tank.write(state)
    assert len(photos_of(tank.on_disk("/mnt/tank/photos"))) == 40


@pytest.mark.parametrize(
    ("provider", "export", "path"),
    [
        ("nixos", {"name": "images", "dataset": "tank/Images", "clients": ["192.0.2.0/24"]}, "tank/Images"),
        ("none", {"name": "photos", "path": "/volume1/photos", "access": "ro"}, "volume1/photos"),
        ("none", {"name": "k8s", "protocol": "smb", "share": "k8s"}, "k8s"),
    ],
)
def test_a_nas_of_another_kind_has_folders(tmp_path, provider, export, path):
    seed(spec(export, provider=provider, host="other"), tmp_path)
    place = tmp_path / "other" / path
    assert (place / nas.sentinel_path(export)).is_dir()
    assert len(photos_of(place)) == (40 if export.get("access") == "ro" else 0)
    (place / nas.sentinel_path(export)).rmdir()
    seed(spec(export, provider=provider, host="other"), tmp_path)
    assert not (place / nas.sentinel_path(export)).exists()


def test_a_nas_of_another_kind_has_the_folders_that_volumes_mount(tmp_path):
    export = {"name": "immich", "path": "/srv/immich", "clients": ["192.0.2.0/24"], "subpaths": ["family/upload"]}
    seed(spec(export, provider="linux", host="attic"), tmp_path)
    assert (tmp_path / "attic/srv/immich/family/upload/.immich-guard/immich").is_dir()


def test_an_export_that_makes_no_sense_is_no_folder(tmp_path):
    seed(spec({"name": "../../outside", "dataset": "tank/x"}, {"name": "x", "dataset": "../../x"}, {"name": "y"}), tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_state_file_is_for_its_owner_only(tank):
    assert (tank.root / "state.json").stat().st_mode & 0o077 == 0
