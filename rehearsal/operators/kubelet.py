# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet, as far as it refuses to start a pod."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..cluster import Cluster
from .objects import FAIL, is_ready

KINDS = {"Pod": "/api/v1/pods"}
CONFIG_ERROR = "CreateContainerConfigError"
ATTACH_ERROR = "Multi-Attach error"


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """A pod whose configuration is not there, or whose volume is attached elsewhere, does not start until that changes; its Stage says so."""
    for pod in cluster.all("Pod"):
        if "deletionTimestamp" in pod["metadata"] or is_ready(pod):
            continue
        said = pod["metadata"].get("annotations", {}).get(FAIL)
        wanted = next(_attached_elsewhere(cluster, pod), None) or next(_missing_configuration(cluster, pod), None)
        if said != wanted and (said is None or said.startswith((CONFIG_ERROR, ATTACH_ERROR))):
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            await cluster.patch(path, {"metadata": {"annotations": {FAIL: wanted}}})


def _attached_elsewhere(cluster: Cluster, pod: dict) -> Iterator[str]:
    """Each claim of one node at a time that an earlier pod has on another node."""
    namespace, node = pod["metadata"]["namespace"], pod["spec"].get("nodeName")
    for claim in _claims(pod) if node else ():
        live = cluster.get("PersistentVolumeClaim", namespace, claim)
        if live is None or not all(mode.startswith("ReadWriteOnce") for mode in live["spec"]["accessModes"]):
            continue
        for other in cluster.all("Pod", namespace):
            elsewhere = other["spec"].get("nodeName") not in (None, node) and other.get("status", {}).get("phase") in ("Pending", "Running")
            if elsewhere and claim in _claims(other) and _age(other) < _age(pod):
                yield f"{ATTACH_ERROR} for claim {claim}: it is used by pod {other['metadata']['name']} on another node"


def _claims(pod: dict) -> list[str]:
    return [volume["persistentVolumeClaim"]["claimName"] for volume in pod["spec"].get("volumes", []) if "persistentVolumeClaim" in volume]


def _age(pod: dict) -> tuple[str, str]:
    return pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]


def _missing_configuration(cluster: Cluster, pod: dict) -> Iterator[str]:
    """Each ConfigMap, Secret or key that a pod needs and that does not exist."""
    spec = pod["spec"]
    containers = [*spec.get("initContainers", []), *spec["containers"]]
    sources = [entry.get("valueFrom", {}) for container in containers for entry in container.get("env", [])]
    sources += [entry for container in containers for entry in container.get("envFrom", [])]
    for kind, field, fields in (("ConfigMap", "configMap", ("configMapKeyRef", "configMapRef")), ("Secret", "secret", ("secretKeyRef", "secretRef"))):
        references = [(source[name], [source[name].get("key")]) for source in sources for name in fields if name in source]
        for volume in spec.get("volumes", []):
            if field in volume:
                references.append((volume[field], [item["key"] for item in volume[field].get("items", [])]))
        for reference, keys in references:
            name = reference.get("name") or reference.get("secretName")
            live = cluster.get(kind, pod["metadata"]["namespace"], name)
            if reference.get("optional"):
                continue
            if live is None:
                yield f'{CONFIG_ERROR}: {kind.lower()} "{name}" not found'
            else:
                yield from (f"{CONFIG_ERROR}: couldn't find key {key} in {kind} {name}" for key in keys if key and key not in (live.get("data") or {}))
