# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gives a cluster the kinds that Kubernetes does not have by itself, and what to say of a cluster without one."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Client

INSTALL = {
    "postgresql.cnpg.io": "install CloudNativePG from 1.26 (https://cloudnative-pg.io/docs/), or choose another immich_database_provider",
    "barmancloud.cnpg.io": "install the Barman Cloud plugin (https://cloudnative-pg.io/plugin-barman-cloud/), or remove immich_database_backup",
    "external-secrets.io": "install the External Secrets Operator from v0.16 (https://external-secrets.io/), or choose another source in immich_secrets",
    "onepassword.com": "install the 1Password operator (https://developer.1password.com/docs/k8s/operator/), or choose another source in immich_secrets",
    "bitnami.com": "install Sealed Secrets (https://github.com/bitnami-labs/sealed-secrets), or choose another source in immich_secrets",
    "dragonflydb.io": "install the Dragonfly operator (https://github.com/dragonflydb/dragonfly-operator), or choose another immich_cache_provider",
    "volsync.backube": "install VolSync (https://volsync.readthedocs.io/), or remove backup from immich_volumes",
    "snapshot.storage.k8s.io": "install the snapshot controller (https://github.com/kubernetes-csi/external-snapshotter), or back up with copy_method: Direct",
    "monitoring.coreos.com": "install the Prometheus operator (https://prometheus-operator.dev/), or set immich_monitoring: false",
    "gateway.networking.k8s.io": "install the Gateway API (https://gateway-api.sigs.k8s.io/), or use type: ingress in immich_ingress",
    "traefik.io": "install Traefik with its CRDs (https://doc.traefik.io/traefik/), or use another type or class in immich_ingress, without https_redirect",
    "cert-manager.io": "install cert-manager (https://cert-manager.io/docs/), or use tls_secret in immich_ingress in place of issuer",
    "cilium.io": "install Cilium (https://docs.cilium.io/), or choose kubernetes or none as immich_network_policy",
    "resource.k8s.io": "upgrade to Kubernetes 1.34 or later (DRA), or choose plugin or host as immich_server_device and immich_machine_learning_device",
}


def missing(client: Client, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of kinds with the variables that want them, those that this cluster does not know. It asks nothing that was not asked before."""
    found = [{**row, "kinds": [kind for kind in row["kinds"] if client.resource(row["api_version"], kind) is None]} for row in wanted]
    return [row for row in found if row["kinds"]]


def lacking(rows: list[dict[str, Any]]) -> list[str]:
    """One sentence for all that is missing, an operator after the other, with how to get it; nothing where nothing is missing."""
    parts = []
    for api_version in dict.fromkeys(row["api_version"] for row in rows):
        of_it = [row for row in rows if row["api_version"] == api_version]
        kinds = " and no ".join(dict.fromkeys(kind for row in of_it for kind in row["kinds"]))
        variables = " and ".join(dict.fromkeys(row["variable"] for row in of_it))
        install = INSTALL.get(api_version.partition("/")[0], "install what provides it")
        parts.append(f"no {kinds} ({api_version}) for {variables}: {install}")
    return [f"This cluster has {'; '.join(parts)}."] if parts else []
