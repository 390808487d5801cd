# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Dragonfly operator."""

from __future__ import annotations

from pathlib import Path

from ..cluster import Cluster
from .objects import FAIL, is_ready, owned

KINDS = {"Dragonfly": "/apis/dragonflydb.io/v1alpha1/dragonflies", "StatefulSet": "/apis/apps/v1/statefulsets"}
PORTS = [{"name": "redis", "containerPort": 6379}, {"name": "admin", "containerPort": 9999}]


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """A StatefulSet, a Service that leads to the master, and the phase that follows from the pods."""
    for owner in cluster.all("Dragonfly"):
        metadata = owner["metadata"]
        if "deletionTimestamp" in metadata:
            continue
        namespace, name = metadata["namespace"], metadata["name"]
        chosen = {"app": name, "app.kubernetes.io/name": "dragonfly", "app.kubernetes.io/part-of": "dragonfly"}
        if not cluster.get("Service", namespace, name):
            selector = {"app": name, "app.kubernetes.io/name": "dragonfly", "role": "master"}
            body = {"apiVersion": "v1", "kind": "Service", "metadata": owned(owner, name, labels=chosen)}
            body["spec"] = {"selector": selector, "ports": [{"name": "redis", "port": 6379}]}
            await cluster.create(f"/api/v1/namespaces/{namespace}/services", body)
        await _statefulset(cluster, owner, chosen)
        pods = [pod for pod in cluster.all("Pod", namespace) if chosen.items() <= pod["metadata"].get("labels", {}).items()]
        for pod in pods:
            role = "master" if pod["metadata"]["name"] == f"{name}-0" else "replica"
            if is_ready(pod) and pod["metadata"]["labels"].get("role") != role:
                await cluster.patch(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}", {"metadata": {"labels": {"role": role}}})
        failed = FAIL in metadata.get("annotations", {})
        phase = "Ready" if sum(map(is_ready, pods)) == owner["spec"].get("replicas", 1) and not failed else "Configuring" if pods else "ResourcesCreated"
        if owner.get("status", {}).get("phase") != phase:
            await cluster.patch(f"/apis/dragonflydb.io/v1alpha1/namespaces/{namespace}/dragonflies/{name}/status", {"status": {"phase": phase}})


async def _statefulset(cluster: Cluster, owner: dict, chosen: dict[str, str]) -> None:
    namespace, name, spec = owner["metadata"]["namespace"], owner["metadata"]["name"], owner["spec"]
    container = {"name": "dragonfly", "image": spec.get("image", "docker.dragonflydb.io/dragonflydb/dragonfly:v1.39.0"), "ports": PORTS}
    container |= {"args": ["--alsologtostderr", "--primary_port_http_enabled=false", "--admin_port=9999", *spec.get("args", [])]}
    container |= {"resources": spec.get("resources", {}), "env": list(spec.get("env", []))}
    if spec.get("containerSecurityContext"):
        container["securityContext"] = spec["containerSecurityContext"]
    password = spec.get("authentication", {}).get("passwordFromSecret")
    if password:
        container["env"].append({"name": "DFLY_requirepass", "valueFrom": {"secretKeyRef": password}})
    pod = {key: spec[key] for key in ("affinity", "nodeSelector", "tolerations", "topologySpreadConstraints", "priorityClassName") if spec.get(key)}
    pod |= {"containers": [container], "securityContext": spec.get("podSecurityContext") or {"fsGroup": 999}}
    more = spec.get("podMetadata", {})
    template = {"metadata": {"labels": more.get("labels", {}) | chosen, "annotations": more.get("annotations", {})}, "spec": pod}
    wanted = {"replicas": spec.get("replicas", 1), "template": template}
    live = cluster.get("StatefulSet", namespace, name)
    collection = f"/apis/apps/v1/namespaces/{namespace}/statefulsets"
    if live is None:
        wanted |= {"serviceName": name, "selector": {"matchLabels": chosen}, "updateStrategy": {"type": "OnDelete"}, "podManagementPolicy": "Parallel"}
        body = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": owned(owner, name, labels=chosen), "spec": wanted}
        await cluster.create(collection, body)
    elif live["spec"]["replicas"] != wanted["replicas"]:
        await cluster.patch(f"{collection}/{name}", {"spec": {"replicas": wanted["replicas"]}})
