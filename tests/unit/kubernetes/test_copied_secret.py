# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A generated password that is wanted in two namespaces is the same in both."""

from __future__ import annotations

import base64
import copy

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import plan
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Resource

LABELS = {"app.kubernetes.io/managed-by": "homelab.immich", "homelab.immich/instance": "photos"}


def secret(namespace, note, **more):
    meta = {"name": "immich-database", "namespace": namespace, "labels": LABELS, "annotations": note}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/basic-auth", **more}


ORIGINAL = secret("databases", {"homelab.immich/generate": "password"}, stringData={"username": "immich"})
COPY = secret("immich", {"homelab.immich/copy-of": "databases/immich-database"})


class Cluster:
    """An API server with these objects, which notes every write; client and listing in one."""

    def __init__(self, *there):
        self.writes = 0
        self.there = {(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item for item in there}
        for name in ("databases", "immich"):
            self.there["Namespace", "", name] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}

    def resource(self, api_version, kind):
        return Resource(api_version, kind, f"{kind.lower()}s", kind != "Namespace")

    def get(self, resource, name, namespace=""):
        return self.there.get((resource.kind, namespace, name))

    def create(self, resource, desired, dry_run=False):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in desired.get("stringData", {}).items()}
        return self._keep({key: value for key, value in desired.items() if key != "stringData"} | {"data": encoded}, dry_run)

    def apply(self, resource, desired, dry_run):
        return self._keep(copy.deepcopy(desired), dry_run)

    def _keep(self, item, dry_run):
        item["metadata"] = item["metadata"] | {"resourceVersion": "1", "managedFields": [{"manager": "homelab.immich", "operation": "Apply"}]}
        if not dry_run:
            self.writes += 1
            self.there[item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]] = item
        return item

    def password(self, namespace):
        return base64.b64decode(self.there["Secret", namespace, "immich-database"]["data"]["password"]).decode()


def run(cluster, check_mode=False, wanted=(ORIGINAL, COPY)):
    return [step.action for step in plan.apply(cluster, cluster, copy.deepcopy(list(wanted)), "photos", [], check_mode)]


def test_both_are_made_with_one_password_and_then_left_alone():
    cluster = Cluster()
    assert run(cluster) == ["create", "create"]
    assert cluster.password("databases") == cluster.password("immich") and len(cluster.password("immich")) == 32
    assert cluster.there["Secret", "immich", "immich-database"]["data"]["username"] == base64.b64encode(b"immich").decode()
    before = cluster.password("immich")
    assert run(cluster) == ["keep", "keep"] and cluster.writes == 2 and cluster.password("immich") == before


def test_the_copy_comes_back_with_the_password_of_the_database():
    cluster = Cluster()
    run(cluster)
    before = cluster.password("databases")
    del cluster.there["Secret", "immich", "immich-database"]
    assert run(cluster) == ["keep", "create"] and cluster.password("immich") == before


def test_the_copy_follows_a_new_password_and_shows_neither():
    cluster = Cluster()
    run(cluster)
    cluster.there["Secret", "databases", "immich-database"]["data"]["password"] = base64.b64encode(b"hunter2").decode()
    steps = plan.apply(cluster, cluster, copy.deepcopy([ORIGINAL, COPY]), "photos", [], False)
    assert [step.action for step in steps] == ["keep", "change"] and cluster.password("immich") == "hunter2"
    assert steps[1].after == {"data": {"password": "(hidden, another value)"}}


def test_a_check_writes_nothing_and_says_that_both_would_be_made():
    cluster = Cluster()
    assert run(cluster, check_mode=True) == ["create", "create"] and cluster.writes == 0
