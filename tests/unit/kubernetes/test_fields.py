# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand edits: what is taken over, and what an apply leaves then."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import fields

SERVER = 'k:{"name":"server"}'


def env(*names):
    """The fieldsV1 of environment variables of the container server."""
    held = {f'k:{{"name":"{name}"}}': {".": {}, "f:name": {}, "f:value": {}} for name in names}
    return {"f:spec": {"f:template": {"f:spec": {"f:containers": {SERVER: {"f:env": held}}}}}}


def entry(manager, held, operation="Update", **more):
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": held, **more}


def deployment(names, *entries):
    """A Deployment whose container has these variables."""
    variables = [{"name": name, "value": "1"} for name in names]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "immich-server", "managedFields": list(entries)},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "server", "env": variables}]}}},
    }


def variables(live):
    return [item["name"] for item in live["spec"]["template"]["spec"]["containers"][0].get("env", [])]


@pytest.mark.parametrize("manager", ["kubectl-edit", "kubectl-set", "kubectl-patch", "kubectl-client-side-apply", "kubectl", "k9s", "Lens", "Mozilla"])
def test_what_hands_hold_may_be_taken(manager):
    assert fields.takeable(entry(manager, {}), also_deployers=False)


@pytest.mark.parametrize(
    "taken_from",
    [
        entry("kubectl-rollout", {}),
        entry("kubectl-annotate", {}),
        entry("kubectl-label", {}),
        entry("kube-controller-manager", {}),
        entry("manager", {}),
        entry("vpa-updater", {}),
        entry("kubectl-edit", {}, subresource="status"),
        entry("kubectl-scale", {}, subresource="scale"),
        entry("homelab.immich", {}, "Apply"),
    ],
)
def test_what_controllers_and_restarts_hold_is_left(taken_from):
    assert not fields.takeable(taken_from, also_deployers=False)


@pytest.mark.parametrize("manager", ["helm", "helm-controller", "argocd-controller", "kustomize-controller"])
def test_deployers_lose_their_fields_only_when_the_object_is_taken_over(manager):
    assert not fields.takeable(entry(manager, {}), also_deployers=False)
    assert fields.takeable(entry(manager, {}, "Apply"), also_deployers=True)
    assert not fields.takeable(entry("kube-controller-manager", {}), also_deployers=True)


def test_an_added_variable_goes_and_a_declared_one_stays():
    live = deployment(["TZ", "EXTRA"], entry("homelab.immich", env("TZ"), "Apply"), entry("kubectl-edit", env("EXTRA")))
    lean = fields.without_taken(live, live, also_deployers=False)
    assert variables(lean) == ["TZ"]
    assert variables(live) == ["TZ", "EXTRA"]


def test_a_variable_that_a_controller_holds_too_stays():
    live = deployment(
        ["TZ", "INJECTED"],
        entry("homelab.immich", env("TZ"), "Apply"),
        entry("kubectl-edit", env("INJECTED")),
        entry("injector", env("INJECTED")),
    )
    assert variables(fields.without_taken(live, live, also_deployers=False)) == ["TZ", "INJECTED"]


def test_what_nobody_edited_is_left_exactly_as_it_is():
    live = deployment(["TZ"], entry("homelab.immich", env("TZ"), "Apply"), entry("kube-controller-manager", {"f:status": {}}, subresource="status"))
    assert fields.without_taken(live, live, also_deployers=False) == live


def test_items_of_sets_and_plain_fields_go():
    live = deployment(["TZ"], entry("homelab.immich", env("TZ"), "Apply"))
    live["metadata"]["finalizers"] = ["ours/one", "theirs/two"]
    live["spec"]["paused"] = True
    live["metadata"]["managedFields"].append(entry("kubectl-edit", {"f:metadata": {"f:finalizers": {'v:"theirs/two"': {}}}, "f:spec": {"f:paused": {}}}))
    lean = fields.without_taken(live, live, also_deployers=False)
    assert lean["metadata"]["finalizers"] == ["ours/one"]
    assert "paused" not in lean["spec"]


def test_a_list_item_whose_key_has_a_default_is_found():
    live = {
        "metadata": {"managedFields": [entry("kubectl-edit", {"f:spec": {"f:ports": {'k:{"port":9999,"protocol":"TCP"}': {".": {}, "f:port": {}}}}})]},
        "spec": {"ports": [{"port": 2283, "protocol": "TCP"}, {"port": 9999}]},
    }
    assert fields.without_taken(live, live, also_deployers=False)["spec"]["ports"] == [{"port": 2283, "protocol": "TCP"}]


def test_taking_over_leaves_one_entry_of_ours_with_all_fields_and_the_controllers_theirs():
    status = entry("kube-controller-manager", {"f:status": {}}, subresource="status")
    live = deployment(["TZ", "EXTRA"], entry("homelab.immich", env("TZ"), "Apply"), entry("kubectl-edit", env("EXTRA")), status)
    before = copy.deepcopy(live)
    managed = fields.taken(live, also_deployers=False)
    assert [item["manager"] for item in managed] == ["kube-controller-manager", "homelab.immich"]
    assert managed[1]["operation"] == "Apply"
    assert managed[1]["fieldsV1"] == fields.union(env("TZ"), env("EXTRA"))
    assert live == before
