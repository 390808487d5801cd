# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that are given once, when an object is made, and are somebody else's afterwards."""

from __future__ import annotations

import copy

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import plan
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Resource

WANTED = {
    "apiVersion": "volsync.backube/v1alpha1",
    "kind": "ReplicationSource",
    "metadata": {"name": "media", "namespace": "immich", "annotations": {"homelab.immich/initial": "spec.paused,spec.trigger"}},
    "spec": {"sourcePVC": "media", "paused": True, "trigger": {"manual": "not-yet"}},
}


class Cluster:
    """An API server that keeps what it is sent; it is client and listing in one."""

    def __init__(self, **spec):
        managed = [{"manager": "homelab.immich", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {}}]
        self.live = {**WANTED, "metadata": {**WANTED["metadata"], "resourceVersion": "1", "managedFields": managed}, "spec": spec} if spec else None
        self.sent = []

    def resource(self, api_version, kind):
        return Resource(api_version, kind, f"{kind.lower()}s", kind != "Namespace")

    def get(self, resource, name, namespace=""):
        return {"kind": "Namespace", "metadata": {"name": "immich"}} if resource.kind == "Namespace" else copy.deepcopy(self.live)

    def apply(self, resource, desired, dry_run):
        self.sent += [] if dry_run else [desired["spec"]]
        return {**desired, "metadata": (self.live or desired)["metadata"]}


def applied(cluster, **changes):
    return plan.apply(cluster, cluster, [{**WANTED, "spec": WANTED["spec"] | changes}], "photos", [], False)


def test_they_are_given_to_one_that_is_made():
    cluster = Cluster()
    assert applied(cluster)[0].action == "create" and cluster.sent == [WANTED["spec"]]


def test_what_became_of_them_stays():
    cluster = Cluster(sourcePVC="media", paused=False, trigger={"manual": "2026-11-21"})
    assert applied(cluster)[0].action == "keep" and cluster.sent == []


def test_another_field_is_changed_and_they_are_not():
    cluster = Cluster(sourcePVC="media", trigger={"manual": "2026-11-21"})
    [step] = applied(cluster, sourcePVC="moved")
    assert step.action == "change" and cluster.sent == [{"sourcePVC": "moved", "trigger": {"manual": "2026-11-21"}}]
    assert (step.before, step.after) == ({"spec": {"sourcePVC": "media"}}, {"spec": {"sourcePVC": "moved"}})
