# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports of a NAS."""

from __future__ import annotations

import pytest

from .conftest import Homelab


def test_what_the_vocabulary_says_has_a_place(homelab: Homelab) -> None:
    homelab.exports[1]["owner"]["mode"] = 0o750
    assert homelab.errors() == ['nas_exports[1] (immich): owner.mode is 488. Write the mode as a quoted octal number, for example "0750".']


def test_two_exports_with_one_name(homelab: Homelab) -> None:
    homelab.exports.append({"name": "photos", "dataset": "tank/more", "clients": ["192.0.2.0/24"]})
    del homelab.volumes[2], homelab.photos["immich_libraries"]
    assert homelab.errors() == ["nas_exports[2] (photos): the name is taken by nas_exports[0]. Give each export a name of its own."]


def test_two_exports_of_one_folder(homelab: Homelab) -> None:
    homelab.exports.append({"name": "again", "dataset": "tank/photos", "access": "ro", "squash": "root", "clients": ["192.0.2.9/24"]})
    assert homelab.errors() == ["nas_exports[2] (again): /mnt/tank/photos is exported by nas_exports[0] (photos) already. Keep one of them."]


def test_two_exports_that_disagree(homelab: Homelab) -> None:
    homelab.exports.append({"name": "again", "dataset": "tank/photos", "squash": "none", "clients": ["192.0.2.0/24"]})
    assert homelab.errors() == [
        "nas_exports[2] (again): /mnt/tank/photos is exported by nas_exports[0] (photos) already, and the two disagree about access, squash. Keep one of them."
    ]


def test_clients_that_nobody_named(homelab: Homelab) -> None:
    del homelab.exports[0]["clients"]
    assert homelab.errors() == [
        "nas_exports[0] (photos): clients is empty, and that would be everybody. "
        'Name the networks of the cluster, such as clients: [192.0.2.0/24], or write clients: ["*"].'
    ]
    homelab.exports[0]["clients"] = ["*"]
    assert homelab.errors() == []


def test_nixos_says_where_its_file_goes(homelab: Homelab) -> None:
    del homelab.exports[1]["snapshots"]
    homelab.tank["nas_provider"] = "nixos"
    (error,) = homelab.errors()
    assert error.startswith("nas_nixos_path is not set, and nas_nixos_mode is flake.")
    homelab.tank["nas_nixos_path"] = "~/nixos/immich-exports.nix"
    assert homelab.errors() == []
    homelab.tank["nas_nixos_mode"] = "rebuild"
    (error,) = homelab.errors()
    assert error.startswith("nas_nixos_path is ~/nixos/immich-exports.nix, and nas_nixos_mode is rebuild. Write it as the NAS has it, from the root")
    del homelab.tank["nas_nixos_path"]
    assert homelab.errors() == []


@pytest.mark.parametrize("client", ["192.0.2.0/33", "192.0.2", "300.0.0.1", "node one"])
def test_a_client_that_is_nobody(homelab: Homelab, client: str) -> None:
    homelab.exports[0]["clients"] = ["10.0.0.0/8", client]
    assert homelab.errors() == [f"nas_exports[0] (photos): clients[1] is {client}. Write an address, a network such as 10.0.0.0/24, or a host name."]


def test_clients_of_every_kind(homelab: Homelab) -> None:
    homelab.exports[0]["clients"] = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/64", "node1.example.net", "*.example.net", "@nodes"]
    assert homelab.errors() == []


def test_a_snapshot_schedule(homelab: Homelab) -> None:
    homelab.exports[1]["snapshots"] = {"schedule": "0 25 * * *", "keep": "30d"}
    assert homelab.errors() == [
        'nas_exports[1] (immich): snapshots.schedule is "0 25 * * *": 25 is no hour. Use 0-23, *, lists, ranges and steps such as */2.',
    ]
