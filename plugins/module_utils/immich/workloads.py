# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Deployments of a server, seen from outside of its cluster: to restart, to stop and to start them."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ImmichError

_PATCH = "application/strategic-merge-patch+json"
_POLL_S = 2.0


class Workloads:
    """The server, and its other workers where they are split."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        # only here: the Kubernetes library takes a third of a second to import
        from ..kubernetes import client, kubeconfig, readiness, restart

        if not (given["context"] or given["kubeconfig"]):
            raise ImmichError("There is no way to the cluster of the server; give context (and kubeconfig), which restarting or stopping it takes.")
        self._judge, self._restarted, self._stopped, self._manager = readiness.deployment, restart.RESTARTED, restart.STOPPED, restart.MANAGER
        self._errors = (client.ApiError, client.Unreachable)
        self._resource = client.Resource("apps/v1", "Deployment", "deployments", True)
        self._namespace, self._server = given["namespace"], given["service"]
        try:
            self._client = client.Client(kubeconfig.access(given["kubeconfig"], given["context"], given["rehearsal"]))
        except kubeconfig.KubeconfigError as error:
            raise ImmichError(f"Could not reach the cluster of the server: {str(error).rstrip('.')}.") from error

    def names(self) -> list[str]:
        """Those that are there."""
        return [item["metadata"]["name"] for item in self._all()]

    def stopped(self) -> dict[str, int]:
        """How many replicas each had, of those that somebody stopped."""
        marks = {item["metadata"]["name"]: (item["metadata"].get("annotations") or {}).get(self._stopped) for item in self._all()}
        return {name: int(mark) for name, mark in marks.items() if mark is not None}

    def restart(self) -> None:
        """Make new pods in the place of the old ones, as kubectl rollout restart does."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        for name in self.names():
            self._patch(name, {"spec": {"template": {"metadata": {"annotations": {self._restarted: now}}}}}, "restart")

    def stop(self) -> None:
        """No pods any more; how many there were is written on each."""
        for item in self._all():
            if self._stopped not in (item["metadata"].get("annotations") or {}):
                replicas = item["spec"].get("replicas", 1)
                self._patch(item["metadata"]["name"], {"metadata": {"annotations": {self._stopped: str(replicas)}}, "spec": {"replicas": 0}}, "stop")

    def start(self) -> None:
        """As many pods as before."""
        for name, replicas in self.stopped().items():
            self._patch(name, {"metadata": {"annotations": {self._stopped: None}}, "spec": {"replicas": replicas}}, "start")

    def wait(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Until every pod is a new one, and ready."""
        ends = time.monotonic() + seconds
        while waiting := {item["metadata"]["name"]: why.why for item in self._all() if (why := self._judge(item, []))}:
            if time.monotonic() >= ends:
                said = ", ".join(f"Deployment {self._namespace}/{name} ({why})" for name, why in waiting.items())
                raise ImmichError(f"After {seconds:g} s it still waits for {said}; see its pods, or raise wait_timeout, and run this again.")
            sleep(_POLL_S)

    def _all(self) -> list[dict[str, Any]]:
        wanted = [self._server, f"{self._server.removesuffix('-server')}-microservices"]
        try:
            found = [self._client.get(self._resource, name, self._namespace) for name in wanted]
        except self._errors as error:
            raise ImmichError(f"Could not look at the Deployments of the server: {str(error).rstrip('.')}.") from error
        if found[0] is None:
            raise ImmichError(f"There is no Deployment {self._namespace}/{self._server}; give the namespace and the service of the server.")
        return [item for item in found if item]

    def _patch(self, name: str, patch: dict[str, Any], doing: str) -> None:
        try:
            self._client.request("PATCH", self._resource.path(self._namespace, name), patch, {"fieldManager": self._manager}, _PATCH)
        except self._errors as error:
            raise ImmichError(f"Could not {doing} the Deployment {self._namespace}/{name}: {str(error).rstrip('.')}.") from error
