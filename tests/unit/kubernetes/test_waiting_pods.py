# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod that waits for a volume says what the kubelet says."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import readiness
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Resource

REFUSED = "MountVolume.SetUp failed for volume \"photos\" : mount failed: exit status 32\nmount.nfs: access denied by server while mounting 192.0.2.10:/mnt"
NO_DEVICE = 'MountVolume.SetUp failed for volume "dev-dri" : hostPath type check failed: /dev/dri is not a directory'
SERVER = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "immich-server", "namespace": "immich", "generation": 1}}
SERVER |= {"spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}}, "status": {"observedGeneration": 1}}
STATE = {"state": {"waiting": {"reason": "ContainerCreating"}}, "name": "server"}


def event(message, reason="FailedMount", uid="u1", at="2026-01-01T00:00:00Z"):
    return {"involvedObject": {"uid": uid}, "reason": reason, "message": message, "lastTimestamp": at}


class Cluster:
    """A client of a cluster with a server whose pod is being made."""

    def __init__(self, *events, refuses=0, phase="Pending"):
        self.events, self.refuses, self.asked = events, refuses, 0
        self.pod = {"kind": "Pod", "metadata": {"name": "p", "uid": "u1"}, "status": {"phase": phase, "containerStatuses": [STATE]}}

    def resource(self, api_version, kind):
        return Resource(api_version, kind, f"{kind.lower()}s", True)

    def get(self, _resource, _name, _namespace):
        return SERVER

    def list(self, _resource, _namespace, _labels):
        return [{**self.pod}]

    def request(self, method, path, query):
        assert (method, path, query["fieldSelector"]) == ("GET", "/api/v1/namespaces/immich/events", "type=Warning")
        self.asked += 1
        if self.refuses:
            raise ApiError(self.refuses, "no")
        return {"items": list(self.events)}


def why(cluster):
    [found] = readiness.pending(cluster, [SERVER])
    return found["why"]


@pytest.mark.parametrize(
    ("message", "text"), [(REFUSED, "mount.nfs: access denied by server while mounting 192.0.2.10:/mnt"), (NO_DEVICE, "/dev/dri is not a directory")]
)
def test_a_volume_that_cannot_be_mounted_is_named(message, text):
    said = why(Cluster(event("an older one", at="2025-01-01T00:00:00Z"), event(message), event("other", "BackOff"), event("far", uid="u2")))
    assert said.startswith("a volume cannot be mounted: MountVolume.SetUp failed") and said.endswith(text)


def test_without_such_an_event_the_pod_is_starting():
    assert why(Cluster()) == why(Cluster(refuses=403)) == "the pod is starting"


def test_nobody_asks_for_events_of_a_pod_that_runs():
    cluster = Cluster(event(REFUSED), phase="Running")
    assert why(cluster) == readiness.SLOW_START and not cluster.asked
