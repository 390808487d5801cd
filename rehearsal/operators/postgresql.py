# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudNativePG, as far as objects go; status and phases are its Stages' work. Then its Barman Cloud plugin: archiving, backups, what the store has."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from ..cluster import Cluster
from .objects import encoded, is_ready, owned

KINDS = {
    "Cluster": "/apis/postgresql.cnpg.io/v1/clusters",
    "ScheduledBackup": "/apis/postgresql.cnpg.io/v1/scheduledbackups",
    "Backup": "/apis/postgresql.cnpg.io/v1/backups",
    "ObjectStore": "/apis/barmancloud.cnpg.io/v1/objectstores",
}
FAIL = "rehearsal.homelab.immich/fail"  # on an ObjectStore: why it cannot be written to


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """CloudNativePG: Services, the generated Secrets, and per instance a claim and a pod; then the count of instances that are ready."""
    for owner in cluster.all("Cluster"):
        if "deletionTimestamp" in owner["metadata"] or "phase" not in owner.get("status", {}):
            continue
        await _services(cluster, owner)
        await _secrets(cluster, owner)
        await _instances(cluster, owner)
        await _archiving(cluster, owner)
    for scheduled in cluster.all("ScheduledBackup"):
        await _first_backup(cluster, scheduled)
    for backup in cluster.all("Backup"):
        await _finish(cluster, backup)


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
    # a catalog is not looked into: its image is that of the major version
    image = spec.get("imageName") or f"ghcr.io/cloudnative-pg/postgresql:{spec.get('imageCatalogRef', {}).get('major', 18)}"
    ready = 0
    for number in range(1, spec["instances"] + 1):
        instance, role = f"{name}-{number}", "primary" if number == 1 else "replica"
        labels = {"cnpg.io/cluster": name, "cnpg.io/instanceName": instance, "cnpg.io/instanceRole": role, "cnpg.io/podRole": "instance"}
        for claim_name, role_of_claim, storage in ((instance, "PG_DATA", spec["storage"]), (f"{instance}-wal", "PG_WAL", spec.get("walStorage"))):
            if not storage or cluster.get("PersistentVolumeClaim", namespace, claim_name):
                continue
            claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage["size"]}}}
            if "storageClass" in storage:
                claim["storageClassName"] = storage["storageClass"]
            metadata = owned(owner, claim_name, labels=labels | {"cnpg.io/pvcRole": role_of_claim})
            body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim}
            await cluster.create(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body)
        pod = cluster.get("Pod", namespace, instance)
        if pod is None:
            container = {"name": "postgres", "image": image, "ports": [{"name": "postgresql", "containerPort": 5432}]}
            container |= {"resources": spec.get("resources", {}), "volumeMounts": [{"name": "pgdata", "mountPath": "/var/lib/postgresql/data"}]}
            container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
            volumes = [{"name": "pgdata", "persistentVolumeClaim": {"claimName": instance}}]
            if "walStorage" in spec:
                container["volumeMounts"].append({"name": "pg-wal", "mountPath": "/var/lib/postgresql/wal"})
                volumes.append({"name": "pg-wal", "persistentVolumeClaim": {"claimName": f"{instance}-wal"}})
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


def _archiver(owner: dict) -> dict:
    """What the plugin that archives is told; empty where nothing does."""
    return next((plugin.get("parameters", {}) for plugin in owner["spec"].get("plugins", []) if plugin.get("isWALArchiver")), {})


def _trouble(cluster: Cluster, owner: dict) -> str:
    """Why the store of a Cluster cannot be written to."""
    namespace, name = owner["metadata"]["namespace"], _archiver(owner).get("barmanObjectName", "")
    store = cluster.get("ObjectStore", namespace, name)
    if store is None:
        return f'ObjectStore.barmancloud.cnpg.io "{name}" not found'
    for reference in store["spec"]["configuration"].get("s3Credentials", {}).values():
        if isinstance(reference, dict):
            secret = cluster.get("Secret", namespace, reference["name"])
            if reference["key"] not in ((secret or {}).get("data") or {}):
                return f"while getting secret {reference['name']}: no key {reference['key']}"
    return store["metadata"].get("annotations", {}).get(FAIL, "")


async def _archiving(cluster: Cluster, owner: dict) -> None:
    """The condition that says whether changes are archived; there is none before the database runs."""
    conditions = owner["status"].get("conditions", [])
    if not _archiver(owner) or not owner["status"].get("currentPrimary"):
        return
    trouble = _trouble(cluster, owner)
    state = {"type": "ContinuousArchiving", "status": "False" if trouble else "True", "message": trouble or "Continuous archiving is working"}
    if any(state.items() <= item.items() for item in conditions):
        return
    state |= {"reason": f"ContinuousArchiving{'Failing' if trouble else 'Success'}", "lastTransitionTime": _now()}
    status = {"conditions": [item for item in conditions if item["type"] != state["type"]] + [state]}
    await cluster.patch(f"{_path(KINDS['Cluster'], owner)}/status", {"status": status})


async def _first_backup(cluster: Cluster, scheduled: dict) -> None:
    """The one that a schedule takes at once; a rehearsal is over before the next."""
    namespace, spec = scheduled["metadata"]["namespace"], scheduled["spec"]
    owner = cluster.get("Cluster", namespace, spec["cluster"]["name"])
    if not spec.get("immediate") or scheduled.get("status", {}).get("lastScheduleTime") or not (owner or {}).get("status", {}).get("readyInstances"):
        return
    name = f"{scheduled['metadata']['name']}-{datetime.now(UTC):%Y%m%d%H%M%S}"
    labels = {"cnpg.io/cluster": spec["cluster"]["name"], "cnpg.io/immediateBackup": "true", "cnpg.io/scheduled-backup": scheduled["metadata"]["name"]}
    metadata = owned(owner, name, labels=labels) if spec.get("backupOwnerReference") == "cluster" else {"name": name, "namespace": namespace, "labels": labels}
    body = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Backup", "metadata": metadata}
    body["spec"] = {key: spec[key] for key in ("cluster", "method", "pluginConfiguration", "target") if key in spec}
    await cluster.create(f"/apis/postgresql.cnpg.io/v1/namespaces/{namespace}/backups", body)
    await cluster.patch(f"{_path(KINDS['ScheduledBackup'], scheduled)}/status", {"status": {"lastCheckTime": _now(), "lastScheduleTime": _now()}})


async def _finish(cluster: Cluster, backup: dict) -> None:
    """A backup is done, or has failed, at once; the store says since when a database can be brought back."""
    owner = cluster.get("Cluster", backup["metadata"]["namespace"], backup["spec"]["cluster"]["name"])
    if backup.get("status", {}).get("phase") in ("completed", "failed") or owner is None:
        return
    trouble, now = _trouble(cluster, owner), _now()
    status = {"phase": "failed" if trouble else "completed", "method": backup["spec"].get("method", ""), "startedAt": now, "stoppedAt": now}
    await cluster.patch(f"{_path(KINDS['Backup'], backup)}/status", {"status": status | ({"error": trouble} if trouble else {"backupName": f"backup-{now}"})})
    told = _archiver(owner)
    store = cluster.get("ObjectStore", owner["metadata"]["namespace"], told.get("barmanObjectName", ""))
    if store:
        window = {"lastFailedBackupTime": now} if trouble else {"lastSuccessfulBackupTime": now, "firstRecoverabilityPoint": now}
        known = (store.get("status", {}).get("serverRecoveryWindow") or {}).get(told["serverName"], {})
        window |= {"firstRecoverabilityPoint": known["firstRecoverabilityPoint"]} if known.get("firstRecoverabilityPoint") else {}
        await cluster.patch(f"{_path(KINDS['ObjectStore'], store)}/status", {"status": {"serverRecoveryWindow": {told["serverName"]: window}}})


def _path(collection: str, item: dict) -> str:
    """Where the API server has an object."""
    group, _slash, plural = collection.rpartition("/")
    return f"{group}/namespaces/{item['metadata']['namespace']}/{plural}/{item['metadata']['name']}"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
