# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a host name leads: what nginx, Traefik, a Gateway and the Tailscale operator would make of the objects in the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .cluster import Cluster
from .operators.gateways import accepted


class Backend(NamedTuple):
    """A port of a Service, and how long the path is by which it was found."""

    path: str
    namespace: str
    service: str
    port: str


def backend(cluster: Cluster, host: str, path: str) -> Backend | None:
    """The Service that a request goes to; None when nobody serves the host."""
    found = [item for item in _backends(cluster, host) if f"{path}/".startswith(item.path.rstrip("/") + "/")]
    return max(found, key=lambda item: len(item.path), default=None)


def _backends(cluster: Cluster, host: str) -> Iterator[Backend]:
    for ingress in cluster.all("Ingress"):
        names = [name for entry in ingress["spec"].get("tls", []) for name in entry.get("hosts", [])]
        for rule in ingress["spec"].get("rules", []):
            if _serves([rule["host"]] if rule.get("host") else names, host):
                for entry in rule.get("http", {}).get("paths", []):
                    service = entry["backend"]["service"]
                    port = service["port"].get("number") or service["port"]["name"]
                    yield Backend(entry.get("path", "/"), ingress["metadata"]["namespace"], service["name"], str(port))
    for route in cluster.all("HTTPRoute"):
        if not (accepted(route) and _serves(route["spec"].get("hostnames", []), host)):
            continue
        for rule in route["spec"].get("rules", []):
            for match in rule.get("matches", [{}]):
                for item in rule.get("backendRefs", []):
                    path = match.get("path", {}).get("value", "/")
                    yield Backend(path, item.get("namespace", route["metadata"]["namespace"]), item["name"], str(item["port"]))
    for route in cluster.all("IngressRoute"):
        for rule in route["spec"]["routes"]:
            names = [name for group in re.findall(r"Host\(([^)]*)\)", rule["match"]) for name in re.findall(r"[`\"]([^`\"]+)[`\"]", group)]
            if _serves(names, host) and not rule.get("middlewares"):  # what redirects does so before anything is served
                for service in rule.get("services", []):
                    yield Backend("/", route["metadata"]["namespace"], service["name"], str(service["port"]))
    for service in cluster.all("Service"):
        name = service["metadata"].get("annotations", {}).get("tailscale.com/hostname")
        if name and service["spec"].get("loadBalancerClass") == "tailscale" and host.partition(".")[0] == name:
            yield Backend("/", service["metadata"]["namespace"], service["metadata"]["name"], str(service["spec"]["ports"][0]["name"]))


def _serves(names: list[str], host: str) -> bool:
    return host in names or f"*.{host.partition('.')[2]}" in names
