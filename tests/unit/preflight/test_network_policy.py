# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network policies that would lock somebody out."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab


@pytest.mark.parametrize(
    "given",
    [
        {"immich_network_policy": "cilium"},
        {"immich_network_policy": "kubernetes", "immich_network_policy_nodes": ["192.0.2.0/24", "2001:db8::/64"]},
        {"immich_network_policy": "kubernetes", "immich_api_url": "https://photos.example.net"},
        {
            "immich_network_policy": "cilium",
            "immich_network_policy_allow": [{"to": "auth.example.net", "ports": [443]}, {"pods": "database", "from": "namespace/pgadmin"}],
        },
    ],
)
def test_what_is_fine(homelab: Homelab, given: dict[str, Any]) -> None:
    homelab.photos.update(given)
    assert homelab.problems() == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"immich_network_policy_allow": [{"to": "a.example.net", "ports": [1]}]},
            "immich_network_policy_allow means nothing while immich_network_policy is none. Set that to kubernetes or cilium, "
            "or remove immich_network_policy_allow.",
        ),
        (
            {"immich_network_policy": "kubernetes"},
            "immich_network_policy is kubernetes, which cannot name the API server, through which this collection calls Immich. "
            "Set immich_network_policy_nodes to the network of your nodes (kubectl get nodes -o wide), or immich_api_url.",
        ),
        (
            {"immich_network_policy": "kubernetes", "immich_network_policy_nodes": ["node1"]},
            "immich_network_policy_nodes[0] is node1. Write a network, such as 192.0.2.0/24.",
        ),
        (
            {"immich_network_policy": "cilium", "immich_ingress": [{"hosts": ["photos.example.net"], "class": "internal"}]},
            "immich_network_policy lets in only the pods of the ways in, and the class of one of them does not say whose it is. "
            "Set immich_network_policy_way_in to the namespace of the ingress controller.",
        ),
        (
            {"immich_network_policy": "cilium", "immich_network_policy_allow": [{"ports": [443]}]},
            "immich_network_policy_allow[0]: it does not have exactly one of to and from. Write whom the pods may ask, or who may ask them.",
        ),
        (
            {"immich_network_policy": "cilium", "immich_network_policy_allow": [{"to": "a.example.net"}]},
            "immich_network_policy_allow[0]: ports is not set. Name the ports that may be asked, such as [443].",
        ),
        (
            {"immich_network_policy": "cilium", "immich_network_policy_allow": [{"from": "a.example.net"}]},
            "immich_network_policy_allow[0]: from is a.example.net, and no policy can tell who asks by a host name. "
            "Write an address, a network or namespace/name.",
        ),
        (
            {"immich_network_policy": "cilium", "immich_network_policy_allow": [{"to": "192.0.2.1", "ports": [70000]}]},
            "immich_network_policy_allow[0]: ports[0] is 70000. Use 1 to 65535.",
        ),
    ],
)
def test_what_is_wrong(homelab: Homelab, given: dict[str, Any], sentence: str) -> None:
    homelab.photos.update(given)
    assert homelab.errors() == [sentence]
