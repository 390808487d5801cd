# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the rehearsal's ingress controllers lead a host, and what its Gateways take."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.rehearsal.operators import gateways
from ansible_collections.homelab.immich.rehearsal.way_in import backend

PUBLIC = {"name": "https", "allowedRoutes": {"namespaces": {"from": "All"}}}


class Cluster:
    """Objects in memory; a patch of a status is merged as the API server would."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = list(objects)
        self.writes = 0

    def all(self, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        return [item for item in self.objects if item["kind"] == kind and namespace in (None, item["metadata"]["namespace"])]

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        return next((item for item in self.all(kind, namespace) if item["metadata"]["name"] == name), None)

    async def patch(self, path: str, body: dict[str, Any]) -> None:
        plural, name = path.split("/")[-3:-1]
        (item,) = [item for item in self.objects if item["metadata"]["name"] == name and f"{item['kind'].lower()}s" == plural]
        item["status"] = item.get("status", {}) | body["status"]
        self.writes += 1


def thing(kind: str, name: str, spec: dict[str, Any], namespace: str = "immich", **metadata: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace, "generation": 1} | metadata, "spec": spec}


def gateway(*listeners: dict[str, Any]) -> dict[str, Any]:
    return thing("Gateway", "public", {"listeners": list(listeners)}, "network")


def route(section: str = "https") -> dict[str, Any]:
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [{"name": "immich-server", "port": 2283}]}]
    parent = {"namespace": "network", "name": "public", "sectionName": section}
    return thing("HTTPRoute", "immich-server", {"hostnames": ["photos.example.net"], "parentRefs": [parent], "rules": rules})


SERVER = thing("Service", "immich-server", {"ports": [{"name": "http", "port": 2283}]})


def conditions(cluster: Cluster) -> dict[str, str]:
    asyncio.run(gateways.reconcile(Path(), cluster))
    (report,) = cluster.all("HTTPRoute")[0]["status"]["parents"]
    return {item["type"]: item["reason"] for item in report["conditions"] if item["status"] == "False"}


def test_a_gateway_takes_a_route_and_then_its_host_leads_to_the_server() -> None:
    cluster = Cluster(gateway(PUBLIC), route(), SERVER)
    assert backend(cluster, "photos.example.net", "/") is None
    assert conditions(cluster) == {}
    assert backend(cluster, "photos.example.net", "/api") == ("/", "immich", "immich-server", "2283")
    assert backend(cluster, "other.example.net", "/api") is None
    writes = cluster.writes
    assert conditions(cluster) == {} and cluster.writes == writes  # nothing new, nothing written


@pytest.mark.parametrize(
    ("listener", "reason"),
    [
        ({"name": "http"}, "NoMatchingParent"),
        ({"name": "https"}, "NotAllowedByListeners"),
        (PUBLIC | {"hostname": "*.example.org"}, "NoMatchingListenerHostname"),
    ],
)
def test_a_gateway_refuses_as_a_real_one_does(listener: dict[str, Any], reason: str) -> None:
    cluster = Cluster(gateway(listener), route(), SERVER)
    assert conditions(cluster) == {"Accepted": reason}
    assert backend(cluster, "photos.example.net", "/") is None


def test_a_route_to_a_service_that_is_not_there() -> None:
    assert conditions(Cluster(gateway(PUBLIC), route())) == {"ResolvedRefs": "BackendNotFound"}


def test_nobody_speaks_for_a_gateway_that_is_not_there() -> None:
    cluster = Cluster(route(), SERVER)
    asyncio.run(gateways.reconcile(Path(), cluster))
    assert cluster.all("HTTPRoute")[0].get("status", {}).get("parents", []) == []


PATHS = [{"path": "/", "backend": {"service": {"name": "immich-server", "port": {"name": "http"}}}}]
TRAEFIK = {"match": "Host(`a.example.net`) || Host(`b.example.net`)", "services": [{"name": "immich-server", "port": 2283}]}
TAILSCALE = {"tailscale.com/hostname": "photos"}


@pytest.mark.parametrize(
    ("item", "host", "port"),
    [
        (thing("Ingress", "x", {"rules": [{"host": "a.example.net", "http": {"paths": PATHS}}]}), "a.example.net", "http"),
        (thing("Ingress", "x", {"rules": [{"host": "*.example.net", "http": {"paths": PATHS}}]}), "b.example.net", "http"),
        (thing("Ingress", "x", {"tls": [{"hosts": ["photos.ts.net"]}], "rules": [{"http": {"paths": PATHS}}]}), "photos.ts.net", "http"),
        (thing("IngressRoute", "x", {"routes": [TRAEFIK]}), "b.example.net", "2283"),
        (thing("Service", "x", {"loadBalancerClass": "tailscale", "ports": [{"name": "http"}]}, annotations=TAILSCALE), "photos.ts.net", "http"),
    ],
    ids=["Ingress", "wildcard", "Tailscale", "IngressRoute", "Tailscale Service"],
)
def test_every_way_in_is_played(item: dict[str, Any], host: str, port: str) -> None:
    found = backend(Cluster(item), host, "/")
    assert found and (found.namespace, found.port) == ("immich", port)
    assert backend(Cluster(item), "elsewhere.example.com", "/") is None


def test_what_only_redirects_serves_nothing() -> None:
    rule = TRAEFIK | {"middlewares": [{"name": "immich-https"}]}
    assert backend(Cluster(thing("IngressRoute", "x", {"routes": [rule]})), "a.example.net", "/") is None
