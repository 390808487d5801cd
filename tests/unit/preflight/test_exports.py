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
    homelab.exports.append({"name": "again", "dataset": "tank/photos", "clients": ["192.0.2.0/24"]})
    assert homelab.errors() == ["nas_exports[2] (again): /mnt/tank/photos is exported by nas_exports[0] (photos) already. Keep one of them."]


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
