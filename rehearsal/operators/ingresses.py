# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ingress controllers."""

from __future__ import annotations

from pathlib import Path

from ..cluster import Cluster

KINDS = {"Ingress": "/apis/networking.k8s.io/v1/ingresses", "IngressRoute": "/apis/traefik.io/v1alpha1/ingressroutes"}


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """Every Ingress has an address, one of Tailscale's a name of the tailnet."""
    for ingress in cluster.all("Ingress"):
        if not ingress.get("status", {}).get("loadBalancer", {}).get("ingress"):
            metadata = ingress["metadata"]
            path = f"/apis/networking.k8s.io/v1/namespaces/{metadata['namespace']}/ingresses/{metadata['name']}/status"
            tailnet = ingress["spec"].get("ingressClassName") == "tailscale" and ingress["spec"].get("tls")
            address = {"hostname": tailnet[0]["hosts"][0]} if tailnet else {"ip": "127.0.0.1"}
            await cluster.patch(path, {"status": {"loadBalancer": {"ingress": [address]}}})
