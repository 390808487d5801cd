# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken away from a namespace that the inventory no longer names."""

from __future__ import annotations

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import prune
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Resource

LABELS = {"app.kubernetes.io/managed-by": "homelab.immich", "homelab.immich/instance": "photos"}


def thing(api_version, kind, namespace):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "immich-db", "namespace": namespace, "labels": LABELS}, "spec": {}}


class Cluster:
    """Client and listing of a cluster with these objects."""

    def __init__(self, *there):
        self.there, self.deleted = there, []

    def resource(self, api_version, kind):
        return Resource(api_version, kind, kind.lower(), kind != "Namespace")

    def listed(self, resource, namespace):
        return [item for item in self.there if item["kind"] == resource.kind and namespace in ("", item["metadata"]["namespace"])]

    def delete(self, resource, live):
        self.deleted.append((resource.kind, live["metadata"]["namespace"]))


def test_a_database_that_is_no_longer_ours_is_listed_where_it_is_and_its_schedule_goes():
    cluster = Cluster(
        thing("postgresql.cnpg.io/v1", "Cluster", "databases"),
        thing("postgresql.cnpg.io/v1", "ScheduledBackup", "databases"),
        thing("barmancloud.cnpg.io/v1", "ObjectStore", "databases"),
        thing("batch/v1", "CronJob", "elsewhere"),  # nothing says that anything of ours is there
    )
    wanted = [thing("v1", "Service", "immich")]
    steps, left, hidden = prune.prune(cluster, cluster, wanted, "photos", False)
    assert cluster.deleted == [("ScheduledBackup", "databases")] and [step.action for step in steps] == ["delete"]
    assert [item["kind"] for item in left] == ["Cluster", "ObjectStore"] and hidden == []
