# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is restarted when a Secret is made anew."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Resource
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.plan import Step
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.restart import RESTARTED, restart, secrets_of


def deployment(name, namespace="immich", **spec):
    """A Deployment whose pods are given."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}, "spec": {"template": {"spec": spec}}}


def user(name, *secrets, **more):
    """A Deployment that takes variables from Secrets."""
    return deployment(name, containers=[{"envFrom": [{"secretRef": {"name": item}} for item in secrets]}], **more)


def made(name, namespace="immich", action="create"):
    """The step that makes a generated Secret."""
    meta = {"name": name, "namespace": namespace, "annotations": {"homelab.immich/generate": "password"}}
    return Step(action, Resource("v1", "Secret", "secrets", True), {"apiVersion": "v1", "kind": "Secret", "metadata": meta})


class Cluster:
    """A client of a cluster with these Deployments."""

    def __init__(self, *deployments, refuses=0):
        self.deployments, self.refuses, self.patched = deployments, refuses, []

    def resource(self, api_version, kind):
        return Resource(api_version, kind, "deployments", True)

    def list(self, _resource, namespace, labels):
        assert "homelab.immich/instance=photos" in labels
        if self.refuses:
            raise ApiError(self.refuses, "no")
        return [item for item in self.deployments if item["metadata"]["namespace"] == namespace]

    def request(self, method, path, body, query, content_type):
        assert (method, query, content_type) == ("PATCH", {"fieldManager": "kubectl-rollout"}, "application/strategic-merge-patch+json")
        assert body["spec"]["template"]["metadata"]["annotations"][RESTARTED]
        self.patched.append(path.rpartition("/")[2])


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": [{"env": [{"name": "TZ", "value": "UTC"}, {"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]}]},
        {"containers": [{"envFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "db"}}]}]},
        {"initContainers": [{"envFrom": [{"secretRef": {"name": "db"}}]}], "containers": [{}]},
        {"containers": [{}], "volumes": [{"emptyDir": {}}, {"secret": {"secretName": "db"}}]},
        {"containers": [{}], "volumes": [{"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "db"}}]}}]},
    ],
)
def test_every_way_to_use_a_secret_counts(spec):
    assert secrets_of(deployment("web", **spec)) == {"db"}
    assert secrets_of(deployment("web", containers=[{"env": [{"name": "db", "valueFrom": {"configMapKeyRef": {"name": "db", "key": "x"}}}]}])) == set()


def test_what_uses_a_copy_that_follows_its_original_is_restarted():
    step = made("db", action="change")
    step.desired["metadata"]["annotations"] = {"homelab.immich/copy-of": "databases/db"}
    step.after = {"metadata": {"labels": {"a": "b"}}}
    assert restart(Cluster(user("server", "db")), [step], "photos", False) == ([], [])  # the same values
    step.after = {"data": {"password": "(hidden, another value)"}}
    cluster = Cluster(user("server", "db"), user("other", "cache"))
    steps, why = restart(cluster, [step], "photos", False)
    assert cluster.patched == ["server"] and [item.action for item in steps] == ["restart"]
    assert why == ["Secret immich/db: with the values of its original again; Deployment immich/server, which used the old ones, restart."]


def test_what_uses_a_secret_that_is_made_anew_is_restarted_and_said():
    cluster = Cluster(user("server", "db", "cache"), user("valkey", "cache"), user("learning"), user("far", "db", namespace="x"))
    steps, why = restart(cluster, [made("db"), made("cache"), made("unused")], "photos", check_mode=False)
    assert [step.desired["metadata"]["name"] for step in steps] == cluster.patched == ["server", "valkey"]
    assert why == [
        "Secret immich/cache and Secret immich/db: missing, so made anew with other values;"
        " Deployment immich/server and Deployment immich/valkey, which used the old ones, restart."
    ]


def test_a_check_says_so_and_restarts_nothing():
    cluster = Cluster(user("server", "db"))
    steps, why = restart(cluster, [made("db")], "photos", check_mode=True)
    assert (len(steps), len(why), cluster.patched) == (1, 1, [])


def test_what_is_made_in_the_same_run_has_the_new_values():
    server = user("server", "db")
    create = Step("create", Resource("apps/v1", "Deployment", "deployments", True), server)
    assert restart(Cluster(server), [made("db"), create], "photos", check_mode=False) == ([], [])


def test_nothing_is_asked_when_no_secret_is_made():
    assert restart(Cluster(refuses=500), [made("db", action="keep")], "photos", check_mode=False) == ([], [])


def test_who_may_not_list_deployments_is_told_what_to_restart():
    steps, why = restart(Cluster(refuses=403), [made("db")], "photos", check_mode=False)
    assert steps == []
    assert why == ["Secret immich/db: other values now, but this kubeconfig may not list Deployments: restart those that used it before."]
    with pytest.raises(ApiError):
        restart(Cluster(refuses=500), [made("db")], "photos", check_mode=False)


def changed(name, **after):
    """The step that changes a Secret of the inventory."""
    meta = {"name": name, "namespace": "immich"}
    return Step("change", Resource("v1", "Secret", "secrets", True), {"apiVersion": "v1", "kind": "Secret", "metadata": meta}, before={}, after=after)


def test_other_values_of_the_inventory_reach_the_pods_that_use_them():
    cluster = Cluster(user("server", "oauth"), user("valkey", "cache"))
    _steps, why = restart(cluster, [changed("oauth", data={"clientSecret": "(hidden, another value)"})], "photos", check_mode=False)
    assert cluster.patched == ["server"]
    assert why == ["Secret immich/oauth: with other values; Deployment immich/server, which used the old ones, restart."]


def test_another_label_of_a_secret_restarts_nothing():
    cluster = Cluster(user("server", "oauth"))
    assert restart(cluster, [changed("oauth", metadata={"labels": {"a": "b"}})], "photos", check_mode=False) == ([], [])


def test_a_pod_that_is_replaced_anyway_is_not_restarted_twice():
    server = user("server", "oauth")
    rolled = Step("change", Resource("apps/v1", "Deployment", "deployments", True), server, before={}, after={"spec": {"template": {}}})
    assert restart(Cluster(server), [changed("oauth", data={}), rolled], "photos", check_mode=False) == ([], [])
