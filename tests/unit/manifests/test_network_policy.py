# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to whom: the policies are held against pods, as Kubernetes and Cilium would."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import kubernetes_validate
import pytest

from . import test_schemas

Render = Callable[..., Any]
KINDS = pytest.mark.parametrize("kind", ["kubernetes", "cilium"])
NODES = {"immich_network_policy_nodes": ["192.0.2.0/24"]}


class Somebody(NamedTuple):
    """A pod, or what is outside of the cluster."""

    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    address: str = ""
    name: str = ""
    entity: str = ""


def pod(component: str, namespace: str = "immich", **labels: str) -> Somebody:
    return Somebody(namespace, tuple(({"app.kubernetes.io/name": component, "app.kubernetes.io/instance": "immich"} | labels).items()))


def other(namespace: str, **labels: str) -> Somebody:
    return Somebody(namespace, tuple(labels.items()) or (("app", "x"),))


SERVER, ML, CACHE, GUARD, BACKUP = (pod(name) for name in ("server", "machine-learning", "valkey", "guard", "backup"))
MICROSERVICES = pod("microservices")
DATABASE = Somebody("immich", (("cnpg.io/cluster", "immich-db"),))
NEIGHBOUR, TRAEFIK, OPERATOR, PROMETHEUS = other("immich"), other("traefik"), other("cnpg-system"), other("monitoring")
RESOLVER = Somebody("kube-system", (("k8s-app", "kube-dns"),))
HUGGINGFACE = Somebody(address="18.66.102.53", name="huggingface.co", entity="world")
HOME = Somebody(address="192.168.1.10", entity="world")
API = Somebody(address="192.0.2.2", entity="kube-apiserver")


def may(objects: list[dict[str, Any]], source: Somebody, target: Somebody, port: int) -> bool:
    """Whether a connection passes the policies of both ends."""
    return _passes(objects, target, source, port, "ingress") and _passes(objects, source, target, port, "egress")


def _passes(objects: list[dict[str, Any]], who: Somebody, peer: Somebody, port: int, direction: str) -> bool:
    chosen = [item["spec"] for item in objects if item["metadata"]["namespace"] == who.namespace and _selects(item["spec"], who)]
    return not chosen or any(_allows(rule, who, peer, port) for spec in chosen for rule in spec.get(direction, []))


def _selects(spec: dict[str, Any], who: Somebody) -> bool:
    return spec.get("podSelector", spec.get("endpointSelector"))["matchLabels"].items() <= dict(who.labels).items()


def _allows(rule: dict[str, Any], who: Somebody, peer: Somebody, port: int) -> bool:
    ports = [int(item["port"]) for item in rule.get("ports", [])] + [int(item["port"]) for entry in rule.get("toPorts", []) for item in entry["ports"]]
    if not rule or (ports and port not in ports):
        return False
    matchers = [name for name in rule if name.startswith(("to", "from")) and name != "toPorts"]
    return not matchers or any(_matches(name, item, who, peer) for name in matchers for item in rule[name])


def _matches(name: str, item: Any, who: Somebody, peer: Somebody) -> bool:
    if name.endswith("Entities"):
        return item in ("all", peer.entity)
    if name.endswith("FQDNs"):
        return bool(peer.name) and fnmatch(peer.name, item.get("matchName") or item["matchPattern"])
    block = item if name.endswith("CIDRSet") else item.get("ipBlock")
    if block:
        address = ipaddress.ip_address(peer.address) if peer.address else None
        return address is not None and _within(address, block["cidr"]) and not any(_within(address, part) for part in block.get("except", []))
    if not peer.labels:
        return False
    if name.endswith("Endpoints"):
        wanted = {key.removeprefix("k8s:"): value for key, value in item["matchLabels"].items()}
        namespace = wanted.pop("io.kubernetes.pod.namespace", who.namespace)
        return namespace == peer.namespace and wanted.items() <= dict(peer.labels).items()
    namespace = item.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", who.namespace)
    return namespace == peer.namespace and item.get("podSelector", {}).get("matchLabels", {}).items() <= dict(peer.labels).items()


def _within(address: Any, network: str) -> bool:
    return address.version == ipaddress.ip_network(network).version and address in ipaddress.ip_network(network)


def policies(render: Render, kind: str, **changes: Any) -> list[dict[str, Any]]:
    """The policies of all roles, as a cluster would have them."""
    found = render(immich_network_policy=kind, **NODES, **changes)
    return [item for item in found if item["kind"] in ("NetworkPolicy", "CiliumNetworkPolicy")]


ALLOWED = [
    (TRAEFIK, SERVER, 2283),
    (GUARD, SERVER, 2283),
    (API, SERVER, 2283),
    (SERVER, ML, 3003),
    (SERVER, CACHE, 6379),
    (SERVER, DATABASE, 5432),
    (DATABASE, DATABASE, 5432),
    (DATABASE, DATABASE, 8000),
    (OPERATOR, DATABASE, 8000),
    (DATABASE, API, 6443),
    (DATABASE, API, 16443),
    (SERVER, RESOLVER, 53),
    (ML, RESOLVER, 53),
    (ML, HUGGINGFACE, 443),
    (SERVER, Somebody(address="140.82.121.6", name="api.github.com", entity="world"), 443),
]
DENIED = [
    (NEIGHBOUR, SERVER, 2283),
    (PROMETHEUS, SERVER, 8081),
    (other("default"), SERVER, 2283),
    (HOME, SERVER, 2283),
    *((who, ML, 3003) for who in (NEIGHBOUR, TRAEFIK, GUARD, CACHE, DATABASE, HOME, API)),
    *((who, CACHE, 6379) for who in (NEIGHBOUR, TRAEFIK, GUARD, ML, DATABASE, HOME)),
    *((who, DATABASE, 5432) for who in (NEIGHBOUR, TRAEFIK, GUARD, ML, CACHE, HOME)),
    (OPERATOR, SERVER, 2283),
    (SERVER, HOME, 443),
    (SERVER, HUGGINGFACE, 80),
    (ML, HOME, 443),
    (ML, SERVER, 2283),
    (ML, API, 6443),
    (CACHE, HUGGINGFACE, 443),
    (CACHE, SERVER, 2283),
    (DATABASE, HUGGINGFACE, 9000),
    (pod("something-new"), HUGGINGFACE, 443),
    (NEIGHBOUR, pod("something-new"), 80),
]


@KINDS
def test_who_may_talk_to_whom(render: Render, kind: str) -> None:
    found = policies(render, kind)
    assert [(source, target, port) for source, target, port in ALLOWED if not may(found, source, target, port)] == []
    assert [(source, target, port) for source, target, port in DENIED if may(found, source, target, port)] == []


@KINDS
def test_whoever_is_not_of_the_instance_is_left_alone(render: Render, kind: str) -> None:
    assert may(policies(render, kind), TRAEFIK, NEIGHBOUR, 80)


def test_without_policies_there_are_none_but_those_of_the_guard(render: Render) -> None:
    assert render("network_policy") == []


@KINDS
def test_a_split_server_asks_from_both_its_pods_and_is_asked_at_one(render: Render, kind: str) -> None:
    found = policies(render, kind, immich_workers="split", immich_monitoring=True)
    for target, port in ((DATABASE, 5432), (CACHE, 6379), (ML, 3003)):
        assert may(found, MICROSERVICES, target, port) and may(found, SERVER, target, port)
    assert not may(found, TRAEFIK, MICROSERVICES, 2283)
    assert may(found, PROMETHEUS, MICROSERVICES, 8082) and may(found, PROMETHEUS, SERVER, 8081)


@KINDS
def test_prometheus_reads_numbers_and_nothing_else(render: Render, kind: str) -> None:
    found = policies(render, kind, immich_monitoring=True, immich_network_policy_monitoring="observability")
    watcher = other("observability")
    assert all(may(found, watcher, target, port) for target, port in ((SERVER, 8081), (SERVER, 8082), (DATABASE, 9187)))
    assert not any(may(found, watcher, target, port) for target, port in ((SERVER, 2283), (DATABASE, 5432), (ML, 3003)))
    assert not may(found, PROMETHEUS, SERVER, 8081)


@KINDS
def test_a_database_in_a_namespace_of_its_own(render: Render, kind: str) -> None:
    found = policies(render, kind, immich_database_namespace="databases")
    database = Somebody("databases", DATABASE.labels)
    assert may(found, SERVER, database, 5432) and may(found, OPERATOR, database, 8000)
    assert not may(found, other("databases"), database, 5432)
    assert not may(found, ML, database, 5432)


@KINDS
def test_a_database_and_a_queue_of_somebody_else(render: Render, kind: str) -> None:
    found = policies(
        render,
        kind,
        immich_database_provider="external",
        immich_database_host="192.168.1.10",
        immich_cache_provider="external",
        immich_cache_host="redis.databases.svc.cluster.local",
        immich_secrets={"database": {"existing": "x"}, "cache": {"existing": "y"}},
    )
    assert may(found, SERVER, HOME, 5432) and not may(found, SERVER, HOME, 5433)
    assert may(found, SERVER, other("databases"), 6379) and not may(found, SERVER, other("default"), 6379)
    assert not [item for item in found if item["metadata"]["name"] in ("immich-cache", "immich-database")]


@KINDS
def test_the_replicas_of_a_dragonfly_follow_and_nobody_else_in_the_namespace_asks_it(render: Render, kind: str) -> None:
    objects = render(immich_network_policy=kind, **NODES, immich_cache_provider="dragonfly")
    found = [item for item in objects if "Policy" in item["kind"]]
    dragonfly = Somebody("immich", (("app", "immich-dragonfly"), ("app.kubernetes.io/name", "dragonfly")))
    assert may(found, SERVER, dragonfly, 6379) and may(found, dragonfly, dragonfly, 9999) and may(found, other("dragonfly-operator-system"), dragonfly, 9999)
    assert not may(found, NEIGHBOUR, dragonfly, 6379)
    # the operator's own policy would let the whole namespace in
    assert objects.one("Dragonfly", "immich-dragonfly")["spec"]["networkPolicyEnabled"] is False


BACKUP_TO = {
    "destination": "s3://backups/immich",
    "endpoint": "https://192.168.1.10:9000",
    "schedule": "0 0 3 * * *",
    "mirrors": [{"name": "minio", "destination": "s3://mirror", "endpoint": "http://minio.storage.svc:9000", "schedule": "0 5 * * *"}],
}


@KINDS
def test_backups_reach_their_stores(render: Render, kind: str) -> None:
    keys = {"database_backup": {"existing": "a"}, "database_backup_minio": {"existing": "b"}}
    found = policies(render, kind, immich_database_backup=BACKUP_TO, immich_secrets=keys)
    mirror = pod("database-mirror")
    assert may(found, DATABASE, HOME, 9000) and not may(found, DATABASE, HOME, 9001)
    assert may(found, mirror, HOME, 9000) and may(found, mirror, other("storage"), 9000)
    assert not may(found, DATABASE, other("storage"), 9000)
    assert not may(found, mirror, DATABASE, 5432)


SETTINGS = {
    "newVersionCheck": {"enabled": False},
    "oauth": {"enabled": True, "issuerUrl": "https://auth.home.net/application/o/immich"},
    "notifications": {"smtp": {"enabled": True, "transport": {"host": "192.168.1.10", "port": 587}}},
    "machineLearning": {"urls": ["http://immich-machine-learning:3003", "http://192.168.1.11:3003"]},
}


@KINDS
def test_what_the_settings_name_is_reached(render: Render, kind: str) -> None:
    found = policies(render, kind, immich_settings=SETTINGS)
    assert may(found, SERVER, HOME, 587) and not may(found, SERVER, HOME, 25)
    assert may(found, SERVER, Somebody(address="192.168.1.20", name="auth.home.net", entity="world"), 443)
    assert may(found, SERVER, TRAEFIK, 8443), "an issuer in this cluster is behind the same way in"
    assert may(found, SERVER, Somebody(address="192.168.1.11", entity="world"), 3003)


def test_cilium_opens_a_port_for_a_name_and_kubernetes_for_everybody(render: Render) -> None:
    allow = [{"to": "auth.home.net", "ports": [8443]}]
    there, elsewhere = (Somebody(address="192.168.1.20", name=name, entity="world") for name in ("auth.home.net", "nas.home.net"))
    for kind, open_to_all in (("kubernetes", True), ("cilium", False)):
        found = policies(render, kind, immich_network_policy_allow=allow)
        assert may(found, SERVER, there, 8443)
        assert may(found, SERVER, elsewhere, 8443) is open_to_all


@KINDS
def test_what_is_allowed_beside(render: Render, kind: str) -> None:
    allow = [
        {"pods": "database", "from": "namespace/pgadmin"},
        {"pods": "machine-learning", "to": "192.168.1.0/24", "ports": [8080]},
        {"from": "namespace/scripts", "ports": [2283]},
    ]
    found = policies(render, kind, immich_network_policy_allow=allow)
    assert may(found, other("pgadmin"), DATABASE, 5432) and not may(found, other("pgadmin"), SERVER, 2283)
    assert may(found, ML, HOME, 8080) and not may(found, SERVER, HOME, 8080)
    assert may(found, other("scripts"), SERVER, 2283)


@pytest.mark.parametrize(
    ("way", "namespace"),
    [
        ({"class": "traefik"}, "traefik"),
        ({"class": "traefik"}, "kube-system"),
        ({"class": "nginx"}, "ingress-nginx"),
        ({"type": "traefik"}, "traefik"),
        ({"type": "tailscale"}, "tailscale"),
        ({"type": "gateway", "gateways": ["network/public"]}, "network"),
        ({"type": "gateway", "gateways": ["network/public"]}, "envoy-gateway-system"),
    ],
)
def test_ways_in_are_let_in_from_where_they_usually_run(render: Render, way: dict[str, Any], namespace: str) -> None:
    found = policies(render, "kubernetes", immich_ingress=[{"hosts": ["photos.example.net"]} | way])
    assert may(found, other(namespace), SERVER, 2283)
    found = policies(render, "kubernetes", immich_ingress=[{"hosts": ["photos.example.net"]} | way], immich_network_policy_way_in=["edge"])
    assert may(found, other("edge"), SERVER, 2283) and not may(found, other(namespace), SERVER, 2283)


def test_cilium_s_own_gateway_is_let_in(render: Render) -> None:
    assert may(policies(render, "cilium"), Somebody(address="10.0.0.1", entity="ingress"), SERVER, 2283)


@KINDS
def test_the_widget_of_homepage_is_let_in(render: Render, kind: str) -> None:
    homepage = other("homepage")
    assert may(policies(render, kind, immich_dashboard={"type": "homepage", "widget": True, "namespace": "homepage"}), homepage, SERVER, 2283)
    assert not may(policies(render, kind, immich_dashboard={"type": "homepage", "namespace": "homepage"}), homepage, SERVER, 2283)


@KINDS
def test_the_guard_and_the_backup_keep_their_own(render: Render, kind: str) -> None:
    """Their NetworkPolicies are additive to those of Cilium too."""
    found = policies(render, kind)
    assert may(found, GUARD, SERVER, 2283) and may(found, GUARD, API, 6443) and may(found, GUARD, RESOLVER, 53)
    assert not may(found, GUARD, HOME, 8080)


EVERYTHING: dict[str, Any] = {
    "immich_workers": "split",
    "immich_monitoring": True,
    "immich_database_namespace": "databases",
    "immich_database_backup": BACKUP_TO,
    "immich_secrets": {"database_backup": {"existing": "a"}, "database_backup_minio": {"existing": "b"}},
    "immich_settings": SETTINGS,
    "immich_dashboard": {"type": "homepage", "widget": True, "namespace": "homepage"},
    "immich_network_policy_allow": [{"to": "a.example.net", "ports": [1]}, {"to": "192.0.2.7", "ports": [2]}, {"from": "namespace/x"}],
}


def cilium_schema(reference: Path) -> dict[str, Any]:
    (path,) = (reference / "crds").glob("cilium-*/ciliumnetworkpolicy_v2.json")
    schema = json.loads(path.read_text().replace(r"\\PC", "."))  # a class of characters that Python does not know; an unknown field is an error already
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["homelab", "everything"])
def test_policies_are_valid(render: Render, reference: Path, changes: dict[str, Any]) -> None:
    plain = render("network_policy", immich_network_policy="kubernetes", **NODES, **changes)
    for item in plain:
        kubernetes_validate.validate(item, "1.36", strict=True)
    schema = cilium_schema(reference)
    cilium = render("network_policy", immich_network_policy="cilium", **changes)
    assert [item["metadata"]["name"] for item in cilium] == [item["metadata"]["name"] for item in plain]
    for item in cilium:
        jsonschema.validate(item, schema)
        for rule in _rules(item):
            assert len([key for key in rule if key.startswith(("from", "to")) and key != "toPorts"]) <= 1, "Cilium takes one kind of peer in a rule"


def _rules(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for direction in ("ingress", "egress"):
        yield from item["spec"][direction]


def test_an_unknown_field_is_found(render: Render, reference: Path) -> None:
    """The test above can fail."""
    (item,) = [item for item in render("network_policy", immich_network_policy="cilium") if item["metadata"]["name"] == "immich-server"]
    item["spec"]["egress"][0]["toPort"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(item, cilium_schema(reference))


def _pods(item: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The labels of the pods that a workload, or an operator, makes."""
    spec = item.get("spec") or {}
    template = (spec.get("jobTemplate", {}).get("spec") or spec).get("template") or {}
    if item["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob"):
        yield template["metadata"]["labels"]
    if item["kind"] == "Cluster":
        yield {"cnpg.io/cluster": item["metadata"]["name"]}
    if item["kind"] == "ReplicationSource":
        yield spec["restic"]["moverPodLabels"]


@KINDS
@pytest.mark.parametrize("changes", ["everything", "backups"])
def test_every_pod_that_any_role_makes_has_a_policy_that_means_it(render: Render, kind: str, changes: str) -> None:
    """A new kind of pod would have none but the one that denies everything."""
    given = {"everything": test_schemas.EVERYTHING | {"immich_workers": "split"}, "backups": EVERYTHING}[changes]
    objects = render(**(given | NODES | {"immich_network_policy": kind, "immich_network_policy_way_in": ["edge"]}))
    found = [item for item in objects if "Policy" in item["kind"] and item["metadata"]["name"] != "immich-default"]
    for item in objects:
        for labels in _pods(item):
            who = Somebody(item["metadata"]["namespace"], tuple(labels.items()))
            assert any(policy["metadata"]["namespace"] == who.namespace and _selects(policy["spec"], who) for policy in found), item["metadata"]["name"]
