# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object is ready, and if not, why. Pure functions of what the API server shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object, key, title, without_userinfo

HEALTHY = "Cluster in healthy state"
# Phases that CloudNativePG does not leave by itself.
BROKEN = (
    "Unable to create required cluster objects",
    "Invalid cluster definition",
    "Cluster is unrecoverable",
    "Cluster cannot proceed to reconciliation",
    "Cluster has incomplete or invalid image catalog",
    "Cluster cannot execute",
    "Waiting for user action",
)


# Kinds that are waited for.
JUDGED = (
    "Deployment",
    "PersistentVolumeClaim",
    "Cluster",
    "Database",
    "Job",
    "Certificate",
    "ExternalSecret",
    "OnePasswordItem",
    "SealedSecret",
    "Dragonfly",
    "HTTPRoute",
    "CiliumNetworkPolicy",
    "ReplicationSource",
)
STARTING = "the pod is starting"
WAITS_FOR = "waitsFor"  # what the kubelet says of a pod that cannot start, put into the pod
SLOW_START = "the pod runs but does not answer its readiness probe yet"


@dataclass(frozen=True)
class NotReady:
    """Why an object is not ready; hopeless when waiting longer changes nothing, patience in seconds where its own object grants a slow start."""

    why: str
    hopeless: bool = False
    patience: int = 0


def not_ready(live: Object, pods: list[Object] | None = None, waits_for_consumer: bool = False, missing: Collection[str] = ()) -> NotReady | None:
    """None when it is ready. Kinds that have nothing to wait for always are."""
    judge = {
        "Deployment": lambda: deployment(live, pods or []),
        "PersistentVolumeClaim": lambda: claim(live, waits_for_consumer),
        "Cluster": lambda: cluster(live, pods or []),
        "Database": lambda: database(live),
        "Job": lambda: job(live),
        "Certificate": lambda: certificate(live),
        "ExternalSecret": lambda: secret(live, "Ready"),
        "OnePasswordItem": lambda: secret(live, "Ready"),
        "SealedSecret": lambda: secret(live, "Synced"),
        "Dragonfly": lambda: dragonfly(live),
        "HTTPRoute": lambda: route(live, missing),
        "CiliumNetworkPolicy": lambda: cilium(live),
        "ReplicationSource": lambda: replication(live),
    }.get(live["kind"])
    return judge() if judge else None


def deployment(live: Object, pods: list[Object]) -> NotReady | None:
    """Every replica is of the newest generation and available."""
    spec, status = live["spec"], live.get("status") or {}
    wanted = spec.get("replicas", 1)
    if (status.get("observedGeneration") or 0) < live["metadata"].get("generation", 0):
        return NotReady("not yet seen by the deployment controller")
    counts = [status.get(name) or 0 for name in ("updatedReplicas", "replicas", "availableReplicas")]
    if counts == [wanted] * 3:
        return None
    if _autoscaled(live) and counts[0] == counts[1] and counts[2] > 0:
        return None  # how many more there are, and whether the nodes have room for them, is up to the autoscaler
    if spec.get("paused"):
        return NotReady(f"its rollout is paused (kubectl rollout resume deployment {live['metadata']['name']} -n {live['metadata']['namespace']})")
    for condition in status.get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return NotReady(f"no pod can be made: {condition.get('message', '')}")
    reasons = list(dict.fromkeys(filter(None, map(pod, pods))))
    patience = spec.get("progressDeadlineSeconds", 0) if reasons == [SLOW_START] else 0
    return NotReady("; ".join(reasons) or f"{counts[2]} of {wanted} pods available", patience=patience)


def _autoscaled(live: Object) -> bool:
    """Whether an autoscaler has set how many pods there are."""
    entries = live["metadata"].get("managedFields") or []
    return any(entry.get("subresource") == "scale" and entry.get("manager") == "kube-controller-manager" for entry in entries)


def pod(live: Object) -> str:
    """What keeps a pod from being ready, in words; empty when nothing does."""
    status = live.get("status") or {}
    if live["metadata"].get("deletionTimestamp"):
        return "an old pod is stopping"
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"no node takes the pod: {condition.get('message') or condition.get('reason', '')}"
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        reason = _container(container)
        if reason:
            return reason
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or [])
    if ready:
        return ""
    return live.get(WAITS_FOR) or STARTING if status.get("phase") != "Running" else SLOW_START


def _container(status: Object) -> str:
    name = status.get("name", "")
    waiting = (status.get("state") or {}).get("waiting") or {}
    ended = (status.get("state") or {}).get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    if waiting.get("reason") == "CrashLoopBackOff":
        last = ended.get("message") or ended.get("reason") or waiting.get("message") or "no reason given"
        code = f"exit code {ended['exitCode']}, " if "exitCode" in ended else ""
        return f"container {name} keeps crashing ({code}{last.strip()})"
    if waiting.get("reason") in ("ImagePullBackOff", "ErrImagePull", "InvalidImageName"):
        return f"image {status.get('image', '')} cannot be pulled: {waiting.get('message') or waiting['reason']}"
    if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        return f"container {name}: {waiting['reason']} {waiting.get('message', '')}".strip()
    return ""


def claim(live: Object, waits_for_consumer: bool) -> NotReady | None:
    """Bound, or of a class that binds only when a pod asks."""
    phase = (live.get("status") or {}).get("phase")
    if phase == "Bound" or (phase in (None, "Pending") and waits_for_consumer):
        return None
    if phase == "Lost":
        return NotReady(f"its volume {live['spec'].get('volumeName', '')} is gone", hopeless=True)
    volume = live["spec"].get("volumeName")
    waiting_for = f"volume {volume}" if volume else f"a volume of storage class {live['spec'].get('storageClassName') or '(default)'}"
    return NotReady(f"waiting for {waiting_for}")


def cluster(live: Object, pods: list[Object]) -> NotReady | None:
    """CloudNativePG says healthy, all instances are there, and they run the image that is asked for.

    A Cluster has no observedGeneration: the image is what tells an old status from a new one.
    """
    spec, status = live["spec"], live.get("status") or {}
    phase, reason = status.get("phase", ""), status.get("phaseReason", "")
    if (live["metadata"].get("annotations") or {}).get("cnpg.io/hibernation") == "on":
        return NotReady("hibernated: set the annotation cnpg.io/hibernation to off", hopeless=True)
    if phase.startswith(BROKEN):
        return NotReady(f"{phase}{': ' + reason if reason else ''}", hopeless=True)
    if not phase:
        return NotReady("not yet seen by CloudNativePG; is its operator running?")
    if phase != HEALTHY:
        pod_reasons = list(dict.fromkeys(filter(None, map(pod, pods))))
        return NotReady(": ".join(filter(None, [phase, reason or "; ".join(pod_reasons)])))
    instances = spec.get("instances", 1)
    if (status.get("readyInstances") or 0) != instances:
        return NotReady(f"{status.get('readyInstances') or 0} of {instances} instances ready")
    if status.get("currentPrimary") != status.get("targetPrimary"):
        return NotReady(f"switching over to {status.get('targetPrimary')}")
    if spec.get("imageName") and status.get("image") and status["image"] != spec["imageName"]:
        return NotReady(f"still running {status['image']}")
    conditions = {item["type"]: item for item in status.get("conditions") or []}
    if conditions.get("Ready", {"status": "True"})["status"] != "True":
        return NotReady(conditions["Ready"].get("message") or "not ready")
    archived = any(plugin.get("isWALArchiver") for plugin in spec.get("plugins") or [])
    if archived and conditions.get("ContinuousArchiving", {}).get("status") == "False":
        return NotReady(f"its changes are not archived: {conditions['ContinuousArchiving'].get('message') or 'no reason given'}")
    return None


def database(live: Object) -> NotReady | None:
    """CloudNativePG has applied exactly this generation."""
    status = live.get("status") or {}
    if status.get("observedGeneration") != live["metadata"].get("generation"):
        return NotReady(status.get("message") or "not yet applied by CloudNativePG")
    if status.get("applied") is True:
        return None
    broken = [f"extension {item['name']}: {item.get('message', '')}" for item in status.get("extensions") or [] if item.get("applied") is False]
    return NotReady("; ".join([status.get("message", ""), *broken]).strip("; ") or "not yet applied")


def job(live: Object) -> NotReady | None:
    """Complete."""
    for condition in (live.get("status") or {}).get("conditions") or []:
        if condition["status"] == "True" and condition["type"] == "Complete":
            return None
        if condition["status"] == "True" and condition["type"] == "Failed":
            return NotReady(condition.get("message") or "failed", hopeless=True)
    return NotReady("still running")


def certificate(live: Object) -> NotReady | None:
    """Issued."""
    for condition in (live.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Ready":
            return None if condition["status"] == "True" else NotReady(condition.get("message", "not issued"))
    return NotReady("not yet seen by cert-manager")


def secret(live: Object, wanted: str) -> NotReady | None:
    """Its controller has made the Secret."""
    for condition in (live.get("status") or {}).get("conditions") or []:
        if condition["type"] == wanted:
            return None if condition["status"] == "True" else NotReady(condition.get("message") or f"its Secret is not made ({condition.get('reason', '')})")
    return NotReady("its Secret is not made yet; is its operator running?")


def dragonfly(live: Object) -> NotReady | None:
    """Its operator says ready."""
    phase = (live.get("status") or {}).get("phase", "")
    if phase.lower() == "ready":  # older operators write it small
        return None
    return NotReady(f"its phase is {phase}" if phase else "not yet seen by the Dragonfly operator; is it running?")


def route(live: Object, missing: Collection[str] = ()) -> NotReady | None:
    """Every Gateway that it names has accepted it; `missing` are those that do not exist."""
    meta, spec = live["metadata"], live["spec"]
    reports = (live.get("status") or {}).get("parents") or []
    for parent in spec.get("parentRefs") or []:
        called = f"{parent.get('namespace', meta['namespace'])}/{parent['name']}"
        if called in missing:
            return NotReady(f"Gateway {called} does not exist; correct gateways in immich_ingress (kubectl get gateways -A)", hopeless=True)
        heard = [item for item in reports if _place(item["parentRef"], live) == _place(parent, live)]
        conditions = [item for report in heard for item in report.get("conditions") or [] if item.get("observedGeneration") == meta.get("generation")]
        for wanted in ("Accepted", "ResolvedRefs"):
            found = [item for item in conditions if item["type"] == wanted]
            if not found:
                return NotReady(f"not yet looked at by the controller of Gateway {called}; is it running?")
            if not any(item["status"] == "True" for item in found):
                return NotReady(*_refused(found[0], called, parent.get("sectionName", ""), live))
    return None


def _place(parent: Object, live: Object) -> tuple[str, str, str | None]:
    return parent.get("namespace", live["metadata"]["namespace"]), parent["name"], parent.get("sectionName")


def _refused(condition: Object, gateway: str, section: str, live: Object) -> tuple[str, bool]:
    """Why a Gateway does not take a route, and whether it never will."""
    namespace, hosts = live["metadata"]["namespace"], ", ".join(live["spec"].get("hostnames") or [])
    said = f" ({condition['message']})" if condition.get("message") else ""
    if condition["reason"] == "NotAllowedByListeners":
        advice = f"allow it in allowedRoutes.namespaces of the listener, with from: All or a Selector for a label of namespace {namespace}"
        return f"Gateway {gateway} lets no route from namespace {namespace} in{said}; {advice}", True
    if condition["reason"] == "NoMatchingListenerHostname":
        return f"Gateway {gateway} has no listener for {hosts}{said}; give it one, or correct hosts in immich_ingress", True
    if condition["reason"] == "NoMatchingParent":
        return f"Gateway {gateway} has no listener called {section}{said}; correct gateways in immich_ingress", True
    return f"Gateway {gateway} does not take it: {condition.get('message') or condition['reason']}", False


def cilium(live: Object) -> NotReady | None:
    """Cilium could read it; older ones say nothing."""
    for condition in (live.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Valid" and condition["status"] == "False":
            return NotReady(f"Cilium does not take it: {condition.get('message') or condition.get('reason', '')}", hopeless=True)
    return None


def replication(live: Object) -> NotReady | None:
    """VolSync has taken it up. Nobody waits for the first backup, which may take days."""
    for condition in (live.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Synchronizing":
            return NotReady(condition.get("message") or "VolSync cannot back it up") if condition.get("reason") == "Error" else None
    return NotReady("not yet seen by VolSync; is its operator running?")


def pending(client: Client, wanted: list[Object], known: Iterable[Object] = ()) -> list[dict[str, Any]]:
    """The objects that are not ready, and why; asks the API server for no more than it takes, and not about what is known to be ready."""
    ready = {key(item) for item in known if not not_ready(item)}
    result = []
    for item in wanted:
        if item["kind"] not in JUDGED or key(item) in ready:
            continue
        resource = client.resource(item["apiVersion"], item["kind"])
        live = client.get(resource, item["metadata"]["name"], item["metadata"].get("namespace", "")) if resource else None
        reason = NotReady("is gone") if live is None else not_ready(live)
        if live is not None and reason:
            reason = not_ready(live, **_context(client, live))
        if reason:
            result.append({"object": title(item), "why": without_userinfo(reason.why), "hopeless": reason.hopeless, "patience": reason.patience})
    return result


def _context(client: Client, live: Object) -> dict[str, Any]:
    """What else tells why an object is not ready: its pods, or how its storage class binds."""
    meta = live["metadata"]
    if live["kind"] in ("Deployment", "Cluster"):
        chosen = {"cnpg.io/cluster": meta["name"]} if live["kind"] == "Cluster" else live["spec"]["selector"].get("matchLabels") or {}
        pods = client.resource("v1", "Pod")
        found = client.list(pods, meta["namespace"], ",".join(f"{name}={value}" for name, value in chosen.items())) if pods else []
        _explain(client, meta["namespace"], found)
        return {"pods": found}
    if live["kind"] == "HTTPRoute":
        places = [_place(parent, live)[:2] for parent in live["spec"].get("parentRefs") or []]
        return {"missing": [f"{namespace}/{name}" for namespace, name in places if _is_missing(client, namespace, name)]}
    if live["kind"] == "PersistentVolumeClaim" and live["spec"].get("storageClassName"):
        classes = client.resource("storage.k8s.io/v1", "StorageClass")
        found = client.get(classes, live["spec"]["storageClassName"]) if classes else None
        return {"waits_for_consumer": bool(found) and found.get("volumeBindingMode") == "WaitForFirstConsumer" and not live["spec"].get("volumeName")}
    return {}


def _explain(client: Client, namespace: str, pods: list[Object]) -> None:
    """Put into pods that wait for a volume what the kubelet says about it: a NAS that refuses, or a device that the node does not have."""
    waiting = {item["metadata"].get("uid"): item for item in pods if pod(item) == STARTING}
    events = client.resource("v1", "Event") if waiting else None
    if events is None:
        return
    try:
        found = client.request("GET", events.path(namespace), query={"fieldSelector": "type=Warning", "limit": "500"}).get("items") or []
    except ApiError as error:
        if error.status != 403:
            raise
        return
    for event in sorted(found, key=lambda item: item.get("lastTimestamp") or item.get("eventTime") or ""):
        item = waiting.get((event.get("involvedObject") or {}).get("uid"))
        if item is not None and event.get("reason") in ("FailedMount", "FailedAttachVolume"):
            item[WAITS_FOR] = f"a volume cannot be mounted: {' '.join((event.get('message') or '').split())[:400]}"


def _is_missing(client: Client, namespace: str, name: str) -> bool:
    """Whether a Gateway does not exist. One that may not be looked at does."""
    gateways = client.resource("gateway.networking.k8s.io/v1", "Gateway")
    try:
        return gateways is not None and client.get(gateways, name, namespace) is None
    except ApiError as error:
        if error.status != 403:
            raise
        return False
