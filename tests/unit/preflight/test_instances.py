# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances beside each other, and names that Kubernetes takes."""

from __future__ import annotations

import pytest

from .conftest import Homelab


def test_two_instances_in_one_place(homelab: Homelab) -> None:
    homelab.second_instance()["immich_namespace"] = "immich"
    assert homelab.errors() == [
        "photos and family have the same immich_name immich in the same immich_namespace immich, so each would overwrite the other. "
        "Give each a namespace of its own."
    ]


def test_two_instances_with_different_names_in_one_namespace(homelab: Homelab) -> None:
    homelab.second_instance().update(immich_namespace="immich", immich_name="family")
    assert homelab.errors() == []


def test_two_clusters_in_one_rehearsal(homelab: Homelab) -> None:
    homelab.second_instance().update(immich_namespace="immich", immich_context="elsewhere")
    assert homelab.errors() == [
        "photos and family are in different clusters and have the same names there, but a rehearsal has one cluster. "
        "Rehearse one at a time: --limit nas,photos."
    ]
    homelab.limit = {"tank", "photos"}
    assert homelab.errors() == []


def test_two_instances_at_one_url(homelab: Homelab) -> None:
    homelab.second_instance()["immich_url"] = "https://PHOTOS.example.net:8443"
    homelab.groups["immich"]["family"]["immich_ingress"] = []
    assert homelab.errors() == ["immich_url of photos and of family name the same host photos.example.net. Give each a host name of its own."]


def test_two_instances_that_let_in_one_host(homelab: Homelab) -> None:
    homelab.second_instance()["immich_ingress"] = [{"hosts": ["family.example.net", "photos.example.net"]}]
    assert homelab.errors() == ["immich_ingress of photos and of family both have the host photos.example.net. Give each host to one instance."]


@pytest.mark.parametrize(
    ("variable", "value", "advice"),
    [
        ("immich_namespace", "Immich", "Use lower-case letters, digits and dashes, with a letter first, and no dash at the end."),
        ("immich_name", "2photos", "Use lower-case letters, digits and dashes, with a letter first, and no dash at the end."),
        ("immich_name", "i" * 47, "It has 47 characters. Use 46 at most."),
        ("immich_database_cluster", "immich_db", "Use lower-case letters, digits and dashes, with a letter first, and no dash at the end."),
    ],
)
def test_a_name_that_kubernetes_refuses(homelab: Homelab, variable: str, value: str, advice: str) -> None:
    homelab.photos["immich_database_cluster"] = "immich-db"
    homelab.photos[variable] = value
    assert homelab.errors() == [f"{variable} is {value}. {advice}"]


def test_a_volume_name_that_kubernetes_refuses(homelab: Homelab) -> None:
    homelab.volumes[2]["name"] = "My photos"
    assert homelab.errors() == [
        "immich_volumes[2] (My photos): its name becomes that of a Kubernetes object. Use lower-case letters, digits and dashes, and no dash at the end."
    ]
