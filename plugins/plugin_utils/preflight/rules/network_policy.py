# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network policies that would lock somebody out, or mean nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ansible_collections.homelab.immich.plugins.plugin_utils.network_policy import peer, way_in_namespaces

from ..model import Inventory, Problem

_PREFIX = "immich_network_policy_"


def chosen(inventory: Inventory) -> Iterator[Problem]:
    """What is set is of a kind of policy."""
    for host in inventory.instances:
        for variable in sorted(name for name in host.given if name.startswith(_PREFIX)):
            if host.get("immich_network_policy") == "none" and host.get(variable):
                text = f"{variable} means nothing while immich_network_policy is none. Set that to kubernetes or cilium, or remove {variable}."
                yield Problem(host.name, text, (variable,))


def callers(inventory: Inventory) -> Iterator[Problem]:
    """Whoever has to reach the server can be told from the others."""
    for host in inventory.instances:
        kind = host.get("immich_network_policy")
        if kind not in ("kubernetes", "cilium"):
            continue
        reached = host.get("immich_network_policy_nodes") or host.get("immich_api_url") or not host.sound("immich_network_policy_nodes")
        for index, network in enumerate(host.get("immich_network_policy_nodes", [])):
            if not _is_network(str(network)):
                text = f"immich_network_policy_nodes[{index}] is {network}. Write a network, such as 192.0.2.0/24."
                yield Problem(host.name, text, ("immich_network_policy_nodes", index))
        if kind == "kubernetes" and not reached:
            yield Problem(
                host.name,
                "immich_network_policy is kubernetes, which cannot name the API server, through which this collection calls Immich. "
                "Set immich_network_policy_nodes to the network of your nodes (kubectl get nodes -o wide), or immich_api_url.",
                ("immich_network_policy",),
            )
        ways = [way.value for way in host.list("immich_ingress")]
        if not host.get("immich_network_policy_way_in") and host.sound("immich_ingress") and way_in_namespaces(ways) is None:
            yield Problem(
                host.name,
                "immich_network_policy lets in only the pods of the ways in, and the class of one of them does not say whose it is. "
                "Set immich_network_policy_way_in to the namespace of the ingress controller.",
                ("immich_network_policy",),
            )


def allowed(inventory: Inventory) -> Iterator[Problem]:
    """One direction, and ports where there is no usual one."""
    for host in inventory.instances:
        for entry in host.list("immich_network_policy_allow"):
            given = [key for key in ("to", "from") if entry.get(key)]
            if len(given) != 1:
                yield entry.problem("it does not have exactly one of to and from. Write whom the pods may ask, or who may ask them.")
                continue
            if given == ["to"] and not entry.get("ports"):
                yield entry.problem("ports is not set. Name the ports that may be asked, such as [443].", "ports")
            if given == ["from"] and peer(str(entry.get("from")), "-").kind == "name":
                text = f"from is {entry.get('from')}, and no policy can tell who asks by a host name. Write an address, a network or namespace/name."
                yield entry.problem(text, "from")
            for index, port in enumerate(entry.get("ports", [])):
                if isinstance(port, int) and not 1 <= port <= 65535:
                    yield entry.problem(f"ports[{index}] is {port}. Use 1 to 65535.", "ports", index)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


RULES = (chosen, callers, allowed)
