# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance once made and no longer wants: deleted where it holds no data, else left to a person."""

from __future__ import annotations

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import mounts
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.immutable import where
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.live import Live
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object, comparable, key, owner, presentable
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.plan import Step, do

# Deleted when no longer wanted: they hold no data and come back with the next run.
PRUNED = (
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("traefik.io/v1alpha1", "IngressRoute"),
    ("traefik.io/v1alpha1", "Middleware"),
    ("cert-manager.io/v1", "Certificate"),
    ("cilium.io/v2", "CiliumNetworkPolicy"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("resource.k8s.io/v1", "ResourceClaimTemplate"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("batch/v1", "CronJob"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("postgresql.cnpg.io/v1", "ScheduledBackup"),
    ("volsync.backube/v1alpha1", "ReplicationSource"),
)
# Never deleted, only listed: they hold data, or something else may live by them.
KEPT = (
    ("v1", "Namespace"),
    ("v1", "PersistentVolume"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("postgresql.cnpg.io/v1", "Cluster"),
    ("postgresql.cnpg.io/v1", "Database"),
    ("barmancloud.cnpg.io/v1", "ObjectStore"),
    ("external-secrets.io/v1", "ExternalSecret"),
    ("onepassword.com/v1", "OnePasswordItem"),
    ("bitnami.com/v1alpha1", "SealedSecret"),
    ("dragonflydb.io/v1alpha1", "Dragonfly"),
)


def prune(client: Client, there: Live, wanted: list[Object], instance: str, check_mode: bool) -> tuple[list[Step], list[Object], list[str]]:
    """Delete what this instance once made and no longer wants, if it is of a kind that holds no data.

    Returns the deletions, the objects that a person has to decide about, and the kinds that may not be listed.
    """
    keep = {key(item) for item in wanted}
    mounted = _mounted(wanted)
    namespaces = sorted({item["metadata"]["namespace"] for item in wanted if item["metadata"].get("namespace")} | _of_databases(client, there))
    steps, left, hidden = [], [], []
    for api_version, kind in PRUNED + KEPT:
        resource = client.resource(api_version, kind)
        if resource is None:
            continue
        for namespace in namespaces if resource.namespaced else [""]:
            found = there.listed(resource, namespace)
            if found is None:
                hidden.append(kind)
                continue
            for live in found:
                if key(live) in keep or live["metadata"].get("deletionTimestamp") or owner(live, instance) or _claim(live) in mounted:
                    continue
                if (api_version, kind) in KEPT:
                    left.append(live)
                else:
                    steps.append(Step("delete", resource, live, live, before=presentable(comparable(live), kind)))
    for step in steps:
        if not check_mode:
            do(client, step)
    return steps, left, hidden


def _of_databases(client: Client, there: Live) -> set[str]:
    """The namespaces of databases that this instance has, or had: a Cluster stays, also when the inventory says another provider or namespace."""
    resource = client.resource("postgresql.cnpg.io/v1", "Cluster")
    return {item["metadata"]["namespace"] for item in there.listed(resource, "") or []} if resource else set()


def _mounted(wanted: list[Object]) -> set[tuple[str, str]]:
    """Namespace and name of the claims that pods mount; an existing_claim may be one that was made under another name of its volume."""
    workloads = [item for item in wanted if item["kind"] == "Deployment"]
    return {(item["metadata"]["namespace"], claim) for item in workloads for claim in mounts.claims(item).values()}


def _claim(live: Object) -> tuple[str, str] | None:
    """The claim that this is, or that a volume is bound to."""
    if live["kind"] == "PersistentVolumeClaim":
        return live["metadata"]["namespace"], live["metadata"]["name"]
    bound = live["spec"].get("claimRef") if live["kind"] == "PersistentVolume" else None
    return (bound.get("namespace", ""), bound.get("name", "")) if bound else None


def removal(live: Object, context: str, kubeconfig: str) -> str:
    """How a person removes an object we do not remove ourselves: a command, but none to paste where a database, or everything, would go."""
    kubectl = f"kubectl{f' --kubeconfig {kubeconfig}' if kubeconfig else ''} --context {context}"
    kind, group = live["kind"].lower(), live["apiVersion"].rpartition("/")[0]
    if group == "postgresql.cnpg.io" and live["kind"] in ("Cluster", "Database"):
        return f"it holds the database, so back that up first, then delete it by hand; to look at it, {kubectl} get {kind}.{group} {where(live)}"
    if live["kind"] == "Namespace":
        look = f"{kubectl} get all,secret,persistentvolumeclaim -n {live['metadata']['name']}"
        return f"everything in it would go with it, database and volumes too, so back up what is there, then delete it by hand; to look at it, {look}"
    loses = "  # with reclaim policy Delete its data goes too" if live["kind"] == "PersistentVolumeClaim" else ""
    return f"{kubectl} delete {kind} {where(live)}{loses}"
