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


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """The kubelet: a pod whose configuration is not there does not start until it is; its Stage says so."""
    for pod in cluster.all("Pod"):
        if "deletionTimestamp" in pod["metadata"] or is_ready(pod):
            continue
        problem = next(_missing_configuration(cluster, pod), None)
        said = pod["metadata"].get("annotations", {}).get(FAIL)
        wanted = problem and f"{CONFIG_ERROR}: {problem}"
        if said != wanted and (said is None or said.startswith(CONFIG_ERROR)):
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            await cluster.patch(path, {"metadata": {"annotations": {FAIL: wanted}}})


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
                yield f'{kind.lower()} "{name}" not found'
            else:
                yield from (f"couldn't find key {key} in {kind} {name}" for key in keys if key and key not in (live.get("data") or {}))
