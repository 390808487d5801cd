# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External Secrets, 1Password and Sealed Secrets. Every store and vault is one that has whatever is asked of it, with random values."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from ...plugins.plugin_utils.cache import ioredis_url
from ...plugins.plugin_utils.secrets import PURPOSES
from ..cluster import Cluster
from .objects import FAIL, encoded, owned

KINDS = {
    "ExternalSecret": "/apis/external-secrets.io/v1/externalsecrets",
    "OnePasswordItem": "/apis/onepassword.com/v1/onepassworditems",
    "SealedSecret": "/apis/bitnami.com/v1alpha1/sealedsecrets",
}
CONDITIONS = {"ExternalSecret": ("Ready", "SecretSynced"), "OnePasswordItem": ("Ready", ""), "SealedSecret": ("Synced", "")}


async def reconcile(_home: Path, cluster: Cluster) -> None:
    """A Secret for each of them, with the keys that it asks for; a key that is asked for later comes to it."""
    for kind in KINDS:
        for owner in cluster.all(kind):
            if "deletionTimestamp" in owner["metadata"]:
                continue
            problem = owner["metadata"].get("annotations", {}).get(FAIL, "")
            if not problem:
                await _make(cluster, owner)
            await _tell(cluster, owner, problem)


async def _make(cluster: Cluster, owner: dict) -> None:
    namespace, name = owner["metadata"]["namespace"], owner["spec"].get("target", {}).get("name") or owner["metadata"]["name"]
    keys, fixed, kind, labels = _wanted(owner)
    live = cluster.get("Secret", namespace, name)
    had = (live or {}).get("data") or {}
    data = encoded({key: _value(key) for key in keys if key not in had} | {key: value for key, value in fixed.items() if key not in had})
    if live is None:
        body = {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": owned(owner, name, labels=labels), "data": data}
        await cluster.create(f"/api/v1/namespaces/{namespace}/secrets", body)
    elif data:
        await cluster.patch(f"/api/v1/namespaces/{namespace}/secrets/{name}", {"data": data})


def _wanted(owner: dict) -> tuple[list[str], dict[str, str], str, dict[str, str]]:
    """Keys with random values, keys with the value that is said, type and labels of the Secret."""
    spec = owner["spec"]
    if owner["kind"] == "OnePasswordItem":
        return _everything(), {}, owner.get("type") or "Opaque", owner["metadata"].get("labels", {})
    template = (spec["target"] if owner["kind"] == "ExternalSecret" else spec).get("template", {})
    fixed = template.get("data", {})
    asked = [entry["secretKey"] for entry in spec.get("data", [])] if owner["kind"] == "ExternalSecret" else list(spec["encryptedData"])
    if spec.get("dataFrom"):
        asked += _everything()
    return [key for key in asked if key not in fixed], fixed, template.get("type") or "Opaque", template.get("metadata", {}).get("labels", {})


def _everything() -> list[str]:
    """An item holds every key that any purpose could ask of it."""
    return sorted({key for purpose in PURPOSES.values() for key in purpose.keys})


def _value(key: str) -> str:
    known = {key: value for purpose in PURPOSES.values() for key, value in purpose.fixed.items()}
    if key == "url":
        return ioredis_url({"host": "cache.example.net"})
    return known.get(key) or secrets.token_urlsafe(32)


async def _tell(cluster: Cluster, owner: dict, problem: str) -> None:
    kind, reason = CONDITIONS[owner["kind"]]
    status = "False" if problem else "True"
    said = next((item for item in owner.get("status", {}).get("conditions") or [] if item["type"] == kind), {})
    if (said.get("status"), said.get("message", "")) == (status, problem):
        return
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": kind, "status": status, "reason": "SecretSyncedError" if problem else reason, "message": problem, "lastTransitionTime": now}
    more = {"observedGeneration": owner["metadata"]["generation"]} if owner["kind"] == "SealedSecret" else {}
    metadata = owner["metadata"]
    path = f"{KINDS[owner['kind']].rpartition('/')[0]}/namespaces/{metadata['namespace']}/{KINDS[owner['kind']].rpartition('/')[2]}/{metadata['name']}"
    await cluster.patch(f"{path}/status", {"status": more | {"conditions": [condition]}})
