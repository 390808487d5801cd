# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VolSync: its state machine, its cache volume, and what its restic mover says. Files are counted, none is copied."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from pathlib import Path

from ..cluster import Cluster
from ..volumes import Volumes
from .objects import owned

KINDS = {"ReplicationSource": "/apis/volsync.backube/v1alpha1/replicationsources"}


async def reconcile(home: Path, cluster: Cluster) -> None:
    """One step of each ReplicationSource."""
    for source in cluster.all("ReplicationSource"):
        if "deletionTimestamp" in source["metadata"]:
            continue
        status = source.get("status") or {}
        wanted = await _step(home, cluster, source, status)
        if {key: value for key, value in wanted.items() if value is not None} != {key: status[key] for key in wanted if status.get(key) is not None}:
            namespace, name = source["metadata"]["namespace"], source["metadata"]["name"]
            path = f"/apis/volsync.backube/v1alpha1/namespaces/{namespace}/replicationsources/{name}/status"
            await cluster.patch(path, {"status": wanted})


async def _step(home: Path, cluster: Cluster, source: dict, status: dict) -> dict:
    """What changes in the status; None removes a field."""
    spec, now = source["spec"], datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    manual = (spec.get("trigger") or {}).get("manual")
    syncing = bool(status.get("lastSyncStartTime"))
    if not syncing and (not status.get("lastSyncTime") or manual != status.get("lastManualSync")):
        return {"lastSyncStartTime": now, "conditions": _condition(status, now, True, "SyncInProgress", "Synchronization in-progress")}
    if not syncing:
        return {"conditions": _condition(status, now, False, "WaitingForManual", "Waiting for manual trigger")}
    if problem := await _prepare(cluster, source):
        return {"conditions": _condition(status, now, False, "Error", problem)}
    if spec.get("paused"):  # the mover's Job waits
        return {"conditions": _condition(status, now, True, "SyncInProgress", "Synchronization in-progress")}
    return {
        "lastSyncStartTime": None,
        "lastSyncTime": now,
        "lastSyncDuration": "1s",
        "lastManualSync": manual,
        "latestMoverStatus": {"result": "Successful", "logs": _mover(home, cluster, source)},
        "conditions": _condition(status, now, False, "CleaningUp", "Cleaning up"),
    }


async def _prepare(cluster: Cluster, source: dict) -> str:
    """Make the cache volume; what is missing for a mover, as VolSync says it."""
    namespace, spec = source["metadata"]["namespace"], source["spec"]
    if not cluster.get("PersistentVolumeClaim", namespace, spec["sourcePVC"]):
        return f'PersistentVolumeClaim "{spec["sourcePVC"]}" not found'
    restic = spec.get("restic") or {}
    cache = f"volsync-src-{source['metadata']['name']}-cache"
    if not cluster.get("PersistentVolumeClaim", namespace, cache):
        claim = {"accessModes": restic.get("cacheAccessModes") or ["ReadWriteOnce"]}
        claim["resources"] = {"requests": {"storage": restic.get("cacheCapacity") or "1Gi"}}
        if restic.get("cacheStorageClassName"):
            claim["storageClassName"] = restic["cacheStorageClassName"]
        body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": owned(source, cache), "spec": claim}
        await cluster.create(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body)
    secret = cluster.get("Secret", namespace, restic.get("repository", ""))
    if secret is None:
        return f'Secret "{restic.get("repository")}" not found'
    missing = [key for key in ("RESTIC_REPOSITORY", "RESTIC_PASSWORD") if key not in (secret.get("data") or {})]
    return f"secret should have fields: {missing}" if missing else ""


def _mover(home: Path, cluster: Cluster, source: dict) -> str:
    """The log of the mover, as VolSync keeps it."""
    pod = {"metadata": {"namespace": source["metadata"]["namespace"], "name": "mover", "uid": "mover"}}
    volumes = Volumes(home, cluster, lambda: json.loads((home / "spec.json").read_text()))
    folder, _read_only = volumes.folder(pod, {"persistentVolumeClaim": {"claimName": source["spec"]["sourcePVC"]}})
    if not os.listdir(folder):
        return "== Directory is empty skipping backup ===\nRestic completed in 0s"  # and that is a success
    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    snapshot = hashlib.sha256("\n".join(paths).encode()).hexdigest()[:8]
    return f"processed {len(paths)} files, 1.000 MiB in 0:01\nsnapshot {snapshot} saved\nRestic completed in 1s"


def _condition(status: dict, now: str, syncing: bool, reason: str, message: str) -> list[dict]:
    """The one condition; since when, only when it is another."""
    found = {"type": "Synchronizing", "status": str(syncing), "reason": reason, "message": message}
    before = next((item for item in status.get("conditions") or [] if item["type"] == "Synchronizing"), {})
    same = all(before.get(key) == value for key, value in found.items() if key != "message") and before.get("message") == message
    return [found | {"lastTransitionTime": before["lastTransitionTime"] if same else now}]
