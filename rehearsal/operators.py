# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators do besides setting a status (the Stages do that): objects that belong to a Cluster, certificates for an Ingress."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path

import trustme

from .cluster import Cluster


def _owned(owner: dict, name: str, **metadata: object) -> dict:
    """Metadata of an object that goes when its owner goes."""
    reference = {key: owner[key] for key in ("apiVersion", "kind")} | {key: owner["metadata"][key] for key in ("name", "uid")}
    reference |= {"controller": True, "blockOwnerDeletion": True}
    return {"name": name, "namespace": owner["metadata"]["namespace"], "ownerReferences": [reference], **metadata}


def _encoded(data: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


async def postgresql(cluster: Cluster) -> None:
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
            metadata = _owned(owner, f"{name}-{suffix}", labels={"cnpg.io/cluster": name})
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
            secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth", "data": _encoded(data)}
            secret["metadata"] = _owned(owner, f"{name}-{suffix}", labels={"cnpg.io/cluster": name, "cnpg.io/reload": "true"})
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
            metadata = _owned(owner, instance, labels=labels | {"cnpg.io/pvcRole": "PG_DATA"})
            body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim}
            await cluster.create(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body)
        pod = cluster.get("Pod", namespace, instance)
        if pod is None:
            container = {"name": "postgres", "image": image, "ports": [{"name": "postgresql", "containerPort": 5432}]}
            container |= {"resources": spec.get("resources", {}), "volumeMounts": [{"name": "pgdata", "mountPath": "/var/lib/postgresql/data"}]}
            volumes = [{"name": "pgdata", "persistentVolumeClaim": {"claimName": instance}}]
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": _owned(owner, instance, labels=labels)}
            body["spec"] = {"containers": [container], "volumes": volumes, "enableServiceLinks": False, "automountServiceAccountToken": False}
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


def is_ready(pod: dict) -> bool:
    """Whether a pod serves."""
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


FAIL = "rehearsal.homelab.immich/fail"
CONFIG_ERROR = "CreateContainerConfigError"


async def kubelet(cluster: Cluster) -> None:
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


async def certificates(home: Path, cluster: Cluster) -> None:
    """cert-manager: a Certificate for each TLS entry of an annotated Ingress, and the Secret of a Certificate that is Ready."""
    for ingress in cluster.all("Ingress"):
        annotations = ingress["metadata"].get("annotations", {})
        for kind, annotation in (("ClusterIssuer", "cert-manager.io/cluster-issuer"), ("Issuer", "cert-manager.io/issuer")):
            if annotation in annotations:
                await _certificates_of(cluster, ingress, {"group": "cert-manager.io", "kind": kind, "name": annotations[annotation]})
    for certificate in cluster.all("Certificate"):
        namespace, spec = certificate["metadata"]["namespace"], certificate["spec"]
        conditions = certificate.get("status", {}).get("conditions", [])
        ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
        if ready and not cluster.get("Secret", namespace, spec["secretName"]):
            ca = trustme.CA.from_pem((home / "pki" / "ca.crt").read_bytes(), (home / "pki" / "ca.key").read_bytes())
            issued = ca.issue_cert(*spec.get("dnsNames", ["localhost"]))
            data = {
                "tls.crt": b"".join(part.bytes() for part in issued.cert_chain_pems).decode(),
                "tls.key": issued.private_key_pem.bytes().decode(),
                "ca.crt": ca.cert_pem.bytes().decode(),
            }
            annotations = {"cert-manager.io/certificate-name": certificate["metadata"]["name"]}
            metadata = {"name": spec["secretName"], "namespace": namespace, "annotations": annotations, "labels": {"controller.cert-manager.io/fao": "true"}}
            body = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": _encoded(data)}
            await cluster.create(f"/api/v1/namespaces/{namespace}/secrets", body)


async def _certificates_of(cluster: Cluster, ingress: dict, issuer: dict) -> None:
    namespace = ingress["metadata"]["namespace"]
    for entry in ingress["spec"].get("tls", []):
        name = entry.get("secretName")
        if name and not cluster.get("Certificate", namespace, name):
            spec = {"secretName": name, "dnsNames": entry.get("hosts", []), "issuerRef": issuer, "usages": ["digital signature", "key encipherment"]}
            body = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": _owned(ingress, name), "spec": spec}
            await cluster.create(f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates", body)


async def ingresses(cluster: Cluster) -> None:
    """The ingress controller: every Ingress has an address."""
    for ingress in cluster.all("Ingress"):
        if not ingress.get("status", {}).get("loadBalancer", {}).get("ingress"):
            metadata = ingress["metadata"]
            path = f"/apis/networking.k8s.io/v1/namespaces/{metadata['namespace']}/ingresses/{metadata['name']}/status"
            await cluster.patch(path, {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}})
