# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ingress controller."""

from __future__ import annotations

from pathlib import Path

from ..cluster import Cluster

KINDS = {"Ingress": "/apis/networking.k8s.io/v1/ingresses"}


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """The ingress controller: every Ingress has an address."""
    for ingress in cluster.all("Ingress"):
        if not ingress.get("status", {}).get("loadBalancer", {}).get("ingress"):
            metadata = ingress["metadata"]
            path = f"/apis/networking.k8s.io/v1/namespaces/{metadata['namespace']}/ingresses/{metadata['name']}/status"
            await cluster.patch(path, {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}})
