# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cert-manager."""

from __future__ import annotations

from pathlib import Path

import trustme

from ..cluster import Cluster
from .objects import encoded, owned

KINDS = {"Certificate": "/apis/cert-manager.io/v1/certificates"}


async def reconcile(home: Path, cluster: Cluster) -> None:
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
            body = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": encoded(data)}
            await cluster.create(f"/api/v1/namespaces/{namespace}/secrets", body)


async def _certificates_of(cluster: Cluster, ingress: dict, issuer: dict) -> None:
    namespace = ingress["metadata"]["namespace"]
    for entry in ingress["spec"].get("tls", []):
        name = entry.get("secretName")
        if name and not cluster.get("Certificate", namespace, name):
            spec = {"secretName": name, "dnsNames": entry.get("hosts", []), "issuerRef": issuer, "usages": ["digital signature", "key encipherment"]}
            body = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": owned(ingress, name), "spec": spec}
            await cluster.create(f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates", body)
