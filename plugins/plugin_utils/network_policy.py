# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to whom, and how Kubernetes and Cilium say it. Pure functions, for the template and for preflight."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from . import ways_in

COMPONENTS = {"server": 2283, "machine-learning": 3003, "cache": 6379, "database": 5432}  # and the port by which each is asked
# what is at home is not the Internet
PRIVATE = {
    "0.0.0.0/0": ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
    "::/0": ["fc00::/7", "fe80::/10"],
}
MODELS = ("huggingface.co", "*.huggingface.co", "*.hf.co", "*.xethub.hf.co")  # where machine learning has its models from
VERSIONS = ("api.github.com", "version.immich.cloud")  # where the server asks for a newer release
CONTROLLERS = {"traefik": ("traefik", "kube-system"), "nginx": ("ingress-nginx",), "tailscale": ("tailscale",), "cilium": ()}
DNS = {"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:k8s-app": "kube-dns"}
NAMESPACE = "namespace/"


@dataclass(frozen=True)
class Peer:
    """Somebody to talk to. `kind` is pods, namespace, name, network, internet, anywhere, dns, api, nodes or proxy."""

    kind: str
    value: str = ""  # namespace, host name or network
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """These peers, by these ports; no ports are all."""

    peers: tuple[Peer, ...]
    ports: tuple[int, ...] = ()


@dataclass(frozen=True)
class Policy:
    """What pods may do."""

    component: str
    namespace: str
    labels: Mapping[str, str]
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


LOOKUP = Rule((Peer("dns"),), (53,))
API_SERVER = Rule((Peer("api"),), (443, 6443, 16443))  # its Service, where it usually listens, and where MicroK8s has it


def policies(facts: Mapping[str, Any]) -> list[Policy]:
    """The policies of an instance, as nobody says them yet."""
    name, namespace = facts["name"], facts["namespace"]

    def pods(component: str) -> dict[str, str]:
        return {"app.kubernetes.io/name": component, "app.kubernetes.io/instance": name}

    def own(component: str) -> Peer:
        return Peer("pods", namespace, pods(component))

    def extra(component: str, direction: str) -> tuple[Rule, ...]:
        wanted = [entry for entry in facts["allow"] if (entry.get("pods") or "server") == component and entry.get(direction)]
        default = (COMPONENTS[component],) if direction == "from" else ()
        return tuple(Rule((peer(str(entry[direction]), namespace),), tuple(int(port) for port in entry.get("ports") or default)) for entry in wanted)

    workers = ("server", "microservices") if facts["split"] else ("server",)
    asking = tuple(own(worker) for worker in workers)
    watched = (Peer("namespace", facts["monitoring_namespace"]),) if facts["monitoring"] else ()
    database = {"cnpg.io/cluster": facts["database"]["cluster"]}
    in_cluster = facts["database"]["provider"] == "cnpg"
    dragonfly = facts["cache"]["provider"] == "dragonfly"
    cache = {"app": f"{name}-dragonfly"} if dragonfly else pods(facts["cache"]["provider"])

    out = [LOOKUP]
    if in_cluster:
        out.append(Rule((Peer("pods", facts["database"]["namespace"], database),), (5432,)))
    else:
        out.append(reach(facts["database"]["host"], facts["database"]["port"], namespace))
    if facts["cache"]["provider"] != "external":
        out.append(Rule((Peer("pods", namespace, cache),), (6379,)))
    elif facts["cache"]["host"]:
        out.append(reach(facts["cache"]["host"], facts["cache"]["port"], namespace))
    else:  # only a Secret says where it is
        out.append(Rule((Peer("anywhere"),), (6379, 26379)))
    if facts["machine_learning"]:
        out.append(Rule((own("machine-learning"),), (3003,)))
    out += outgoing(facts)

    way_in = tuple(Peer("namespace", entry) for entry in facts["way_in"]) + (Peer("proxy"),)
    callers = [Rule((*way_in, own("guard")), (2283,)), Rule((Peer("api"), *(Peer("nodes", entry) for entry in facts["nodes"])), (2283,))]
    if facts["dashboard"]:
        callers.append(Rule((Peer("namespace", facts["dashboard"]),), (2283,)))
    metrics = {"server": (8081,) if facts["split"] else (8081, 8082), "microservices": (8082,)}
    found = [Policy("default", namespace, {"app.kubernetes.io/instance": name})]
    for worker in workers:
        scraped = [Rule(watched, metrics[worker])] if watched else []
        allowed = extra("server", "from") if worker == "server" else ()
        ingress = (*(callers if worker == "server" else ()), *scraped, *allowed)
        found.append(Policy(worker, namespace, pods(worker), ingress, (*out, *extra("server", "to"))))
    if facts["machine_learning"]:
        ingress = (Rule(asking, (3003,)), *extra("machine-learning", "from"))
        models = Rule(tuple(Peer("name", host) for host in MODELS), (443,))
        found.append(Policy("machine-learning", namespace, pods("machine-learning"), ingress, (LOOKUP, models, *extra("machine-learning", "to"))))
    if facts["cache"]["provider"] != "external":
        ingress = (Rule(asking, (6379,)), *extra("cache", "from"))
        egress = extra("cache", "to")
        if dragonfly:  # its operator makes the replicas follow, by the port for administrators
            others = Peer("pods", namespace, cache)
            ingress += (Rule((others, Peer("namespace", facts["dragonfly_namespace"]), *watched), (6379, 9999)),)
            egress += (LOOKUP, Rule((others,), (6379, 9999)))
        found.append(Policy("cache", namespace, cache, ingress, egress))
    if in_cluster:
        place = facts["database"]["namespace"]
        others = Peer("pods", place, database)
        stores = tuple(store(entry, place) for entry in facts["stores"])
        ingress = (
            Rule(asking, (5432,)),
            Rule((others, Peer("namespace", facts["cnpg_namespace"])), (5432, 8000)),  # replication, and how the operator asks and commands
            *([Rule(watched, (9187,))] if watched else []),
            *extra("database", "from"),
        )
        egress = (LOOKUP, API_SERVER, Rule((others,), (5432, 8000)), *stores[:1], *extra("database", "to"))
        found.append(Policy("database", place, database, ingress, egress))
        if len(stores) > 1:
            found.append(Policy("database-mirror", place, pods("database-mirror"), (), (LOOKUP, *stores)))
    return found


def outgoing(facts: Mapping[str, Any]) -> list[Rule]:
    """What the server asks outside, as far as its settings say so."""
    settings, namespace = facts["settings"], facts["namespace"]
    found = []
    if _setting(settings, "newVersionCheck", "enabled") is not False:
        found.append(Rule(tuple(Peer("name", host) for host in VERSIONS), (443,)))
    issuer = _setting(settings, "oauth", "issuerUrl") if _setting(settings, "oauth", "enabled") else None
    if issuer:
        found.append(url(str(issuer), namespace))
        if facts["way_in"]:  # an issuer in this cluster is behind the same way in, whose pods are then asked
            found.append(Rule(tuple(Peer("namespace", entry) for entry in facts["way_in"])))
    mail = _setting(settings, "notifications", "smtp", "transport")
    if _setting(settings, "notifications", "smtp", "enabled") and isinstance(mail, Mapping) and mail.get("host"):
        found.append(reach(str(mail["host"]), mail.get("port") or 587, namespace))
    ours = f"{facts['name']}-machine-learning"
    return found + [url(str(entry), namespace) for entry in _setting(settings, "machineLearning", "urls") or [] if ours not in str(entry)]


def reach(host: str, port: Any, namespace: str) -> Rule:
    """A server by host and port. Of a Service in the cluster only its pods count, and these may have another port."""
    found = peer(host, namespace)
    return Rule((found,), () if found.kind == "namespace" else (int(port),))


def url(address: str, namespace: str) -> Rule:
    """What answers at a URL."""
    parts = urlsplit(address)
    return reach(parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443), namespace)


def store(backup: Mapping[str, Any], namespace: str) -> Rule:
    """The object store of a backup: its endpoint, or that of Amazon."""
    if backup.get("endpoint"):
        return url(str(backup["endpoint"]), namespace)
    return Rule(tuple(Peer("name", f"{'*.' * depth}amazonaws.com") for depth in (1, 2, 3)), (443,))  # a star is one part of a name


def peer(text: str, namespace: str) -> Peer:
    """A host name, an address, a network, or namespace/<name>."""
    if text.startswith(NAMESPACE):
        return Peer("namespace", text.removeprefix(NAMESPACE))
    try:
        return Peer("network", str(ipaddress.ip_network(text, strict=False)))
    except ValueError:
        pass
    if "." not in text:
        return Peer("namespace", namespace)
    service = re.fullmatch(r"[a-z0-9-]+\.([a-z0-9-]+)\.svc(\..*)?", text)
    return Peer("namespace", service[1]) if service else Peer("name", text)


def way_in_namespaces(ways: Iterable[Mapping[str, Any]]) -> list[str] | None:
    """Where the controllers of the ways in usually run; None when a class does not say which controller it is of."""
    found: dict[str, None] = {}
    for way in ways:
        kind = str(way.get("type") or "ingress")
        if kind == "gateway":
            # a Gateway's pods are beside it, or beside the controller
            found |= dict.fromkeys([*(parent["namespace"] for parent in ways_in.parents(way.get("gateways") or [])), "envoy-gateway-system"])
            continue
        named = kind if kind in CONTROLLERS else next((known for known in CONTROLLERS if known in str(way.get("class") or "")), None)
        if named is None:
            return None
        found |= dict.fromkeys(CONTROLLERS[named])
    return list(found)


def render(facts: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """All policies of an instance, as NetworkPolicy or CiliumNetworkPolicy, without what every object has."""
    version, of = ("cilium.io/v2", "CiliumNetworkPolicy") if kind == "cilium" else ("networking.k8s.io/v1", "NetworkPolicy")
    spec = _cilium if kind == "cilium" else _kubernetes
    return [
        {
            "apiVersion": version,
            "kind": of,
            "name": f"{facts['name']}-{policy.component}",
            "namespace": policy.namespace,
            "component": policy.component,
            "spec": spec(policy),
        }
        for policy in policies(facts)
    ]


def _kubernetes(policy: Policy) -> dict[str, Any]:
    """A NetworkPolicy knows pods, namespaces and networks. What else there is becomes a port that is open to all of them."""
    return {
        "podSelector": {"matchLabels": dict(policy.labels)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [found for rule in policy.ingress for found in _kubernetes_rules(rule, "from", policy.namespace)],
        "egress": [found for rule in policy.egress for found in _kubernetes_rules(rule, "to", policy.namespace)],
    }


def _kubernetes_rules(rule: Rule, direction: str, namespace: str) -> list[dict[str, Any]]:
    ports = [{"protocol": protocol, "port": port} for port in rule.ports for protocol in (("UDP", "TCP") if port == 53 else ("TCP",))]
    peers = [found for entry in rule.peers for found in _kubernetes_peers(entry, namespace)]
    nameless = direction == "to" and any(entry.kind in ("name", "anywhere", "dns", "api") for entry in rule.peers)
    open_names = [entry.value for entry in rule.peers if entry.kind == "name"]
    if nameless and open_names and set(open_names) <= {*MODELS, *VERSIONS}:
        nameless, peers = False, [{"ipBlock": {"cidr": cidr, "except": home}} for cidr, home in PRIVATE.items()]  # these are on the Internet
    if nameless:
        return [{"ports": ports}]
    return [{direction: peers} | ({"ports": ports} if ports else {})] if peers else []


def _kubernetes_peers(entry: Peer, namespace: str) -> list[dict[str, Any]]:
    somewhere = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": entry.value}}}
    if entry.kind == "pods":
        return [({} if entry.value == namespace else somewhere) | {"podSelector": {"matchLabels": dict(entry.labels)}}]
    if entry.kind == "namespace":
        return [somewhere]
    return [{"ipBlock": {"cidr": entry.value}}] if entry.kind in ("network", "nodes") else []


def _cilium(policy: Policy) -> dict[str, Any]:
    """An empty rule lets nobody in or out, and has Cilium deny the rest."""
    return {
        "endpointSelector": {"matchLabels": dict(policy.labels)},
        "ingress": [found for rule in policy.ingress for found in _cilium_rules(rule, "from", policy.namespace)] or [{}],
        "egress": [found for rule in policy.egress for found in _cilium_rules(rule, "to", policy.namespace)] or [{}],
    }


def _cilium_rules(rule: Rule, direction: str, namespace: str) -> list[dict[str, Any]]:
    """One kind of peer in each rule, as Cilium wants it."""
    grouped: dict[str, list[Any]] = {}
    for entry in rule.peers:
        key, value = _cilium_peer(entry, direction, namespace)
        if key:
            grouped.setdefault(key, []).extend(value)
    result = []
    for key, peers in grouped.items():
        ports: dict[str, Any] = {"ports": [{"port": str(port), "protocol": "ANY" if port == 53 else "TCP"} for port in rule.ports]}
        if any(entry.kind == "dns" for entry in rule.peers):
            ports["rules"] = {"dns": [{"matchPattern": "*"}]}  # Cilium learns from the answers which addresses a name has
        known = direction == "to" and any(entry.kind == "api" for entry in rule.peers)  # by what it is, whatever its port
        result.append({f"{direction}{key}": peers} | ({"toPorts": [ports]} if rule.ports and not known else {}))
    return result


def _cilium_peer(entry: Peer, direction: str, namespace: str) -> tuple[str, Sequence[Any]]:
    place = {"k8s:io.kubernetes.pod.namespace": entry.value}
    if entry.kind == "pods":
        return "Endpoints", [{"matchLabels": ({} if entry.value == namespace else place) | dict(entry.labels)}]
    if entry.kind == "namespace":
        return "Endpoints", [{"matchLabels": place}]
    if entry.kind == "dns":
        return "Endpoints", [{"matchLabels": DNS}]
    if entry.kind == "name":
        return "FQDNs", [{"matchPattern": entry.value} if "*" in entry.value else {"matchName": entry.value}]
    if entry.kind == "network":
        return "CIDRSet", [{"cidr": entry.value}]
    if entry.kind == "anywhere":
        return "Entities", ["all"]
    if entry.kind == "proxy":
        return "Entities", ["ingress"]  # Cilium's own Ingress and Gateway
    if entry.kind == "api":
        return "Entities", ["kube-apiserver"] if direction == "to" else ["kube-apiserver", "host", "remote-node"]
    return "", []


def _setting(settings: Any, *path: str) -> Any:
    for part in path:
        settings = settings.get(part) if isinstance(settings, Mapping) else None
    return settings
