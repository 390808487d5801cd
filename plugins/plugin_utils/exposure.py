# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing but the server can be reached from outside, whatever an inventory or its patches say. Pure functions of the objects that are to be applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .manifests import ManifestError, Object
from .ways_in import BODY_SIZE

ROUTES = ("Ingress", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "Middleware")
PODS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
NAME = "app.kubernetes.io/name"
EXPOSING = ("tailscale.com/expose", "tailscale.com/funnel", "external-dns.alpha.kubernetes.io/hostname")
WHY = "Only Immich's server is ever let out, for nothing else asks who is there"


def refuse(objects: Sequence[Object], instance: str) -> None:
    """Refuse a way to anything but the server, and a way to the server on which nginx would refuse a photo."""
    problems = [f"{_called(item)} {problem}" for item in objects for problem in _problems(item, objects, f"{instance}-server")]
    if problems:
        raise ManifestError(" ".join(problems))


def _problems(item: Object, objects: Sequence[Object], server: str) -> Iterator[str]:
    kind, spec, notes = item["kind"], item.get("spec") or {}, item["metadata"].get("annotations") or {}
    if kind in ROUTES:
        for backend in sorted(set(_backends(spec)) - {server}):
            yield f"leads to {backend}. {WHY}: leave {server} as its backend."
        for name in BODY_SIZE:
            if str(notes.get(name, "0")) != "0":
                yield f"has the annotation {name}: {notes[name]}, so nginx would refuse whatever is larger. Leave it at 0, which is without limit."
    elif kind == "Service":
        yield from _service(item, spec, notes, objects, server)
    elif kind in PODS and item["metadata"]["name"] != server:
        yield from _pod(item)
    elif kind == "Dragonfly" and _opens(spec.get("serviceSpec") or {}, (spec.get("serviceSpec") or {}).get("annotations") or {}):
        yield f"has a serviceSpec that opens the queue to the outside. {WHY}: leave it a ClusterIP."
    elif kind == "Cluster" and any(True for found in _find((spec.get("managed") or {}).get("services") or {}, "type") if found != "ClusterIP"):
        yield f"has a service that opens the database to the outside. {WHY}: leave it a ClusterIP."


def _service(item: Object, spec: Mapping[str, Any], notes: Mapping[str, Any], objects: Sequence[Object], server: str) -> Iterator[str]:
    ours = item["metadata"]["name"] == server or (spec.get("selector") or {}).get(NAME) == "server"
    if not ours:
        if _opens(spec, notes):
            yield f"opens what it leads to to the outside. {WHY}: leave it a ClusterIP, without externalIPs and annotations that expose it."
        return
    selector = spec.get("selector") or {}
    if selector.get(NAME) != "server":
        yield f"does not select the pods of the server. {WHY}: leave {NAME}: server in its selector."
    for other in objects:
        labels = _template(other).get("metadata", {}).get("labels") or {}
        if selector and selector.items() <= labels.items() and other["metadata"]["name"] != server:
            yield f"would lead to the pods of {_called(other)}, which have the labels of the server. Give them their own."


def _pod(item: Object) -> Iterator[str]:
    pod = _template(item).get("spec") or {}
    if pod.get("hostNetwork"):
        yield f"has hostNetwork, so its ports are open on the node. {WHY}: leave that out."
    containers = [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]
    if any(port.get("hostPort") for container in containers for port in container.get("ports") or []):
        yield f"has a hostPort, which is open on the node. {WHY}: leave that out."


def _template(item: Object) -> Mapping[str, Any]:
    """The pod that a workload makes."""
    if item["kind"] not in PODS:
        return {}
    spec = item.get("spec") or {}
    if item["kind"] == "Pod":
        return item
    return ((spec.get("jobTemplate") or {}).get("spec") or spec).get("template") or {}


def _opens(spec: Mapping[str, Any], notes: Mapping[str, Any]) -> bool:
    return spec.get("type", "ClusterIP") != "ClusterIP" or bool(spec.get("externalIPs")) or any(name in notes for name in EXPOSING)


def _backends(value: Any) -> Iterator[str]:
    """Whatever a route leads to, mirrors to or fetches its errors from. A backend that is no Service of this namespace is called by its kind or namespace."""
    if isinstance(value, list):
        for entry in value:
            yield from _backends(entry)
    if not isinstance(value, Mapping):
        return
    for key, entry in value.items():
        if key in ("service", "services", "backendRef", "backendRefs", "mirrors"):
            for reference in entry if isinstance(entry, list) else [entry]:
                if isinstance(reference, Mapping) and "name" in reference:
                    yield _backend(reference)
                    yield from _backends({name: inner for name, inner in reference.items() if name not in ("name", "namespace")})
        elif key in ("resource", "forwardAuth"):
            yield f"a {key}"
        else:
            yield from _backends(entry)


def _backend(reference: Mapping[str, Any]) -> str:
    kind, namespace = reference.get("kind") or "Service", reference.get("namespace")
    return ("" if kind == "Service" else f"{kind} ") + (f"{namespace}/" if namespace else "") + str(reference["name"])


def _find(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if name == key:
                yield entry
            yield from _find(entry, key)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for entry in value:
            yield from _find(entry, key)


def _called(item: Object) -> str:
    return f"{item['kind']} {item['metadata']['name']}"
