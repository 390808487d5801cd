# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has of the guards: the ConfigMap that they share, and the libraries that they scan by the clock. Seen from outside of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..guard.shared import ConfigMap
from ..pod_api import FIELD_MANAGER
from .errors import ImmichError, Unreachable

# of the ConfigMap: the host whose systemd scans by the clock, and what it scans
SCAN_HOST, SCANNED_THERE = "homelab.immich/scan-host", "homelab.immich/scanned-there"


def shared_memory(given: Mapping[str, Any], *, read_only: bool) -> ConfigMap | None:
    """The ConfigMap that the options of a module name, if they name one; `read_only` lets nothing but reads through."""
    if not given["configmap"]:
        return None
    from ..kubernetes import client

    namespace, name = given["namespace"], given["configmap"]
    cluster = _cluster(given, f"the ConfigMap {namespace}/{name}, the memory of the guard", read_only)

    def call(method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        try:
            return 200, cluster.request(method, path, body, {} if body is None else {"fieldManager": FIELD_MANAGER})
        except client.ApiError as error:
            return error.status, {"message": str(error)}
        except client.Unreachable as error:
            raise Unreachable(str(error)) from error

    return ConfigMap(call, namespace, name)


def guarded_libraries(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The libraries that guards of the instance scan by the clock, by who starts them: CronJobs, a host. None where no way to its cluster is given."""
    if not (given["context"] or given["kubeconfig"]):
        return {}
    from ..kubernetes import client

    instance = str(given["service"]).removesuffix("-server")
    labels = f"app.kubernetes.io/name=guard,app.kubernetes.io/instance={instance},app.kubernetes.io/managed-by=homelab.immich"
    try:
        found = _cluster(given, "the CronJobs of the guard", True).list(client.Resource("batch/v1", "CronJob", "cronjobs", True), given["namespace"], labels)
    except (client.ApiError, client.Unreachable) as error:
        raise ImmichError(f"Could not see whether guards scan by the clock: {str(error).rstrip('.')}.") from error
    # one without a library only watches
    named = ((job["metadata"].get("annotations") or {}).get("homelab.immich/library") for job in found)
    jobs = sorted(name for name in named if name)
    host, there = scan_host(given | {"configmap": f"{instance}-guard-memory"})
    return ({"CronJobs": jobs} if jobs else {}) | ({f"host {host}": there} if host else {})


def scan_host(given: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The host of the inventory that scans by the clock, and the libraries that it scans; nothing where there is none."""
    memory = shared_memory(given, read_only=True)
    written = memory.annotations() if memory else {}
    return written.get(SCAN_HOST, ""), json.loads(written.get(SCANNED_THERE, "[]"))


def _cluster(given: Mapping[str, Any], what: str, read_only: bool) -> Any:
    # only here: the Kubernetes library takes a third of a second to import
    from ..kubernetes.client import Client
    from ..kubernetes.kubeconfig import KubeconfigError, access

    try:
        return Client(access(given["kubeconfig"], given["context"], given["rehearsal"]), read_only=read_only)
    except KubeconfigError as error:
        raise ImmichError(f"Could not reach {what}: {str(error).rstrip('.')}.") from error
