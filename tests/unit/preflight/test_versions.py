# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions, and the database."""

from __future__ import annotations

import pytest

from .conftest import Homelab


@pytest.mark.parametrize("tag", ["release", "v3", "main", "3.3", "latest", "pr-12345", "commit-0123abc"])
def test_a_tag_that_moves(homelab: Homelab, tag: str) -> None:
    homelab.photos["immich_version"] = tag
    assert homelab.errors() == [
        f"immich_version is {tag}, a tag that moves: a restart would upgrade the database, and there is no way back. Use a release, such as v3.3.5."
    ]


def test_a_version_that_is_none(homelab: Homelab) -> None:
    homelab.photos["immich_version"] = "v3.3.5-cuda"
    assert homelab.errors() == ["immich_version is v3.3.5-cuda, which is no release of Immich. Write it like v3.3.5."]


def test_a_version_below_the_table(homelab: Homelab) -> None:
    homelab.photos["immich_version"] = "v1.135.2"
    assert homelab.errors() == ["immich_version is v1.135.2, older than v1.135.3, the oldest that this collection knows. Use v1.135.3 to v3.3.5."]


def test_a_version_above_the_table_is_a_warning(homelab: Homelab) -> None:
    homelab.photos["immich_version"] = "v4.0.0"
    assert homelab.errors() == []
    assert homelab.warnings() == ["immich_version v4.0.0 is newer than v3.3.5, the newest that this collection knows, and is treated like that one."]


def test_a_vectorchord_that_immich_refuses(homelab: Homelab) -> None:
    homelab.photos["immich_version"] = "v2.4.1"
    assert homelab.errors() == [
        "immich_version v2.4.1 accepts VectorChord >=0.3 <0.6; immich_database_vectorchord is 1.1.1. Use 0.5.3, or upgrade Immich to v2.5.0 or later first."
    ]


def test_a_vectorchord_that_no_immich_accepts(homelab: Homelab) -> None:
    homelab.photos["immich_database_vectorchord"] = "0.2.2"
    assert homelab.errors() == ["immich_version v3.3.5 accepts VectorChord >=0.3 <2; immich_database_vectorchord is 0.2.2. Use 1.1.1."]


def test_a_vectorchord_that_is_no_version(homelab: Homelab) -> None:
    homelab.photos["immich_database_vectorchord"] = "latest"
    assert homelab.errors() == ['immich_database_vectorchord is latest, which is no version. Write it like "1.1.1".']


def test_a_postgres_that_immich_refuses(homelab: Homelab) -> None:
    homelab.photos["immich_database_postgres"] = "13.4"
    assert homelab.errors() == ["immich_version v3.3.5 accepts PostgreSQL >=14 <20; immich_database_postgres is 13.4. Use 19."]


def test_a_postgres_that_immich_does_not_document_is_a_warning(homelab: Homelab) -> None:
    homelab.photos.update(immich_version="v2.0.0", immich_database_postgres="18.4", immich_database_vectorchord="0.4.3")
    assert homelab.errors() == []
    assert homelab.warnings() == [
        "immich_version v2.0.0 accepts PostgreSQL >=14 <18; immich_database_postgres is 18.4. Use 17. It may start with this one, but its makers do not say so."
    ]


def test_an_unquoted_whole_version(homelab: Homelab) -> None:
    homelab.photos["immich_database_postgres"] = 17
    assert homelab.errors() == ['immich_database_postgres is 17, which is no version. Write it like "17.10", in quotes.']


@pytest.mark.parametrize("name", ["nfs-csi", "truenas-nfs", "nfs", "synology-smb", "cifs-media", "nfs4"])
def test_a_database_on_a_network_share(homelab: Homelab, name: str) -> None:
    homelab.photos["immich_database_storage_class"] = name
    assert homelab.errors() == [
        f"immich_database_storage_class is {name}, by its name a network share, and PostgreSQL loses data on NFS and SMB. "
        "Use a class of local or block storage, such as longhorn or local-path."
    ]


@pytest.mark.parametrize("name", ["", "longhorn", "ceph-block-replicated-nvme", "synology-iscsi", "openebs-hostpath", "confsync"])
def test_a_database_on_a_disk(homelab: Homelab, name: str) -> None:
    homelab.photos["immich_database_storage_class"] = name
    assert homelab.errors() == []


def test_a_database_image_for_compose(homelab: Homelab) -> None:
    homelab.photos["immich_database_image"] = "ghcr.io/immich-app/postgres:17-vectorchord0.4.3"
    assert homelab.errors() == [
        "immich_database_image is ghcr.io/immich-app/postgres:17-vectorchord0.4.3, which is for Docker Compose and does not run under CloudNativePG. "
        "Use ghcr.io/tensorchord/cloudnative-vectorchord, or leave it empty."
    ]


def test_a_database_image_of_another_major_version(homelab: Homelab) -> None:
    homelab.photos["immich_database_image"] = "registry.example.net/vectorchord:16.4-1.1.1"
    assert homelab.errors() == [
        "immich_database_image is registry.example.net/vectorchord:16.4-1.1.1, whose tag does not begin with 17, "
        "the major version of immich_database_postgres (17.10); the operator reads the version from there."
    ]
