# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudNativePG, as far as objects go; status and phases are its Stages' work."""

from __future__ import annotations

import secrets
from pathlib import Path

from ..cluster import Cluster
from .objects import encoded, is_ready, owned

KINDS = {"Cluster": "/apis/postgresql.cnpg.io/v1/clusters"}


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """CloudNativePG: Services, the generated Secrets, and per instance a claim and a pod; then the count of instances that are ready."""
    for owner in cluster.all("Cluster"):
        if "deletionTimestamp" in owner["metadata"] or "phase" not in owner.get("status", {}):
            continue
        await _services(cluster, owner)
        await _secrets(cluster, owner)
        await _instances(cluster, owner)


async def _services(cluster: Cluster, owner: dict) -> None:
    namespace, name = owner["metadata"]["namespace"], owner["metadata"]["name"]
    roles = {"rw": {"cnpg.io/instanceRole": "primary"}, "ro": {"cnpg.io/instanceRole": "replica"}, "r": {"cnpg.io/podRole": "instance"}}
    for suffix, selector in roles.items():
        if not cluster.get("Service", namespace, f"{name}-{suffix}"):
            spec = {"selector": {"cnpg.io/cluster": name, **selector}, "ports": [{"name": "postgres", "port": 5432, "targetPort": 5432}]}
            metadata = owned(owner, f"{name}-{suffix}", labels={"cnpg.io/cluster": name})
            await cluster.create(f"/api/v1/namespaces/{namespace}/services", {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


async def _secrets(cluster: Cluster, owner: dict) -> None:
    namespace, name = owner["metadata"]["namespace"], owner["metadata"]["name"]
    bootstrap = owner["spec"].get("bootstrap", {})
    initdb = bootstrap.get("initdb") or bootstrap.get("recovery") or {}
    wanted = []
    if not initdb.get("secret"):  # with a Secret of one's own the operator makes no <cluster>-app
        wanted.append(("app", initdb.get("owner", "app"), initdb.get("database", "app")))
    if owner["spec"].get("enableSuperuserAccess"):
        wanted.append(("superuser", "postgres", "*"))
    for suffix, user, database in wanted:
        if not cluster.get("Secret", namespace, f"{name}-{suffix}"):
            password, host = secrets.token_urlsafe(32), f"{name}-rw"
            uri = f"postgresql://{user}:{password}@{host}.{namespace}:5432/{database}"
            data = {"username": user, "user": user, "password": password, "host": host, "port": "5432", "dbname": database, "uri": uri}
            secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth", "data": encoded(data)}
            secret["metadata"] = owned(owner, f"{name}-{suffix}", labels={"cnpg.io/cluster": name, "cnpg.io/reload": "true"})
            await cluster.create(f"/api/v1/namespaces/{namespace}/secrets", secret)


async def _instances(cluster: Cluster, owner: dict) -> None:
    namespace, name, spec = owner["metadata"]["namespace"], owner["metadata"]["name"], owner["spec"]
    image = spec.get("imageName", "ghcr.io/cloudnative-pg/postgresql:18")
    ready = 0
    for number in range(1, spec["instances"] + 1):
        instance, role = f"{name}-{number}", "primary" if number == 1 else "replica"
        labels = {"cnpg.io/cluster": name, "cnpg.io/instanceName": instance, "cnpg.io/instanceRole": role, "cnpg.io/podRole": "instance"}
        if not cluster.get("PersistentVolumeClaim", namespace, instance):
            storage = spec["storage"]
            claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage["size"]}}}
            if "storageClass" in storage:
                claim["storageClassName"] = storage["storageClass"]
            metadata = owned(owner, instance, labels=labels | {"cnpg.io/pvcRole": "PG_DATA"})
            body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim}
            await cluster.create(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body)
        pod = cluster.get("Pod", namespace, instance)
        if pod is None:
            container = {"name": "postgres", "image": image, "ports": [{"name": "postgresql", "containerPort": 5432}]}
            container |= {"resources": spec.get("resources", {}), "volumeMounts": [{"name": "pgdata", "mountPath": "/var/lib/postgresql/data"}]}
            container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
            volumes = [{"name": "pgdata", "persistentVolumeClaim": {"claimName": instance}}]
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": owned(owner, instance, labels=labels)}
            identity = {"runAsNonRoot": True, "runAsUser": 26, "runAsGroup": 26, "seccompProfile": {"type": "RuntimeDefault"}}
            body["spec"] = {"securityContext": identity, "containers": [container], "volumes": volumes}
            body["spec"] |= {"enableServiceLinks": False, "automountServiceAccountToken": False}
            selector = spec.get("affinity", {}).get("nodeSelector")
            if selector:
                body["spec"]["nodeSelector"] = selector
            await cluster.create(f"/api/v1/namespaces/{namespace}/pods", body)
        elif "deletionTimestamp" in pod["metadata"]:
            continue
        elif pod["spec"]["containers"][0]["image"] != image:
            await cluster.write("DELETE", f"/api/v1/namespaces/{namespace}/pods/{instance}?gracePeriodSeconds=0")
        elif is_ready(pod):
            ready += 1
    if owner["status"].get("readyInstances") != ready:
        path = f"/apis/postgresql.cnpg.io/v1/namespaces/{namespace}/clusters/{name}/status"
        await cluster.patch(path, {"status": {"instances": spec["instances"], "readyInstances": ready}})
