# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller of Gateways: it programs every Gateway, and says of every HTTPRoute which of them took it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ..cluster import Cluster

API = "/apis/gateway.networking.k8s.io/v1"
KINDS = {"Gateway": f"{API}/gateways", "HTTPRoute": f"{API}/httproutes"}
CONTROLLER = "rehearsal.homelab.immich/gateway"


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """Set the status of Gateways and HTTPRoutes, where it is another than before."""
    for gateway in cluster.all("Gateway"):
        await _say(cluster, gateway, "gateways", {"conditions": _conditions(gateway, gateway.get("status", {}), Accepted="", Programmed="")})
    for route in cluster.all("HTTPRoute"):
        before = {_place(report["parentRef"], route): report for report in route.get("status", {}).get("parents", [])}
        reports = []
        for parent in route["spec"].get("parentRefs", []):
            if cluster.get("Gateway", *_place(parent, route)[:2]) is None:
                continue  # nobody's Gateway: no controller says anything
            why = refusal(cluster, route, parent)
            old = before.get(_place(parent, route), {})
            conditions = _conditions(route, old, Accepted=why, ResolvedRefs=_unresolved(cluster, route))
            reports.append({"parentRef": parent, "controllerName": CONTROLLER, "conditions": conditions})
        await _say(cluster, route, "httproutes", {"parents": reports})


def refusal(cluster: Cluster, route: dict, parent: dict) -> str:
    """Why a Gateway that exists does not take a route, as the Gateway API calls it; empty when it does."""
    namespace, name, section = _place(parent, route)
    listeners = [item for item in cluster.get("Gateway", namespace, name)["spec"]["listeners"] if section in (None, item["name"])]
    if not listeners:
        return "NoMatchingParent"
    allowed = [item for item in listeners if _allows(item, namespace, route["metadata"]["namespace"])]
    if not allowed:
        return "NotAllowedByListeners"
    hosts = route["spec"].get("hostnames", [])
    return "" if any(_covers(item.get("hostname", ""), host) for item in allowed for host in hosts or [""]) else "NoMatchingListenerHostname"


def accepted(route: dict) -> bool:
    """Whether any Gateway has taken a route."""
    conditions = [item for report in route.get("status", {}).get("parents", []) for item in report["conditions"]]
    return any(item["type"] == "Accepted" and item["status"] == "True" for item in conditions)


def _allows(listener: dict, gateway_namespace: str, namespace: str) -> bool:
    # a Selector asks for labels of the namespace, which nobody watches here: it is as good as All
    wanted = listener.get("allowedRoutes", {}).get("namespaces", {}).get("from", "Same")
    return wanted != "Same" or namespace == gateway_namespace


def _covers(pattern: str, host: str) -> bool:
    return pattern in ("", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _unresolved(cluster: Cluster, route: dict) -> str:
    backends = [backend for rule in route["spec"].get("rules", []) for backend in rule.get("backendRefs", [])]
    namespace = route["metadata"]["namespace"]
    return "" if all(cluster.get("Service", backend.get("namespace", namespace), backend["name"]) for backend in backends) else "BackendNotFound"


def _place(parent: dict, route: dict) -> tuple[str, str, str | None]:
    return parent.get("namespace", route["metadata"]["namespace"]), parent["name"], parent.get("sectionName")


def _conditions(item: dict, before: dict, **why: str) -> list[dict]:
    """One condition each, true where nothing speaks against it; an unchanged one keeps its time."""
    result = []
    for kind, reason in why.items():
        wanted = {"type": kind, "status": "False" if reason else "True", "reason": reason or kind, "message": ""}
        wanted["observedGeneration"] = item["metadata"]["generation"]
        old = next((found for found in before.get("conditions", []) if found["type"] == kind), {})
        since = old.get("lastTransitionTime") if old.get("status") == wanted["status"] else None
        result.append(wanted | {"lastTransitionTime": since or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})
    return result


async def _say(cluster: Cluster, item: dict, plural: str, status: dict) -> None:
    if {key: item.get("status", {}).get(key) for key in status} != status:
        metadata = item["metadata"]
        await cluster.patch(f"{API}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}/status", {"status": status})
