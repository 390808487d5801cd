# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying objects to a real API server: what is written, what is put right, what is refused, and what a person is shown."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.action import apply as action
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import identity, memory, plan
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.kubeconfig import access
from harness import CHECKOUT, MUTATING, Homelab, audit

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A rehearsal that no playbook has touched."""
    lab = Homelab(tmp_path_factory.mktemp("apply"), CHECKOUT / "inventories" / "homelab")
    spec = lab.folder / "spec.json"
    spec.write_text(json.dumps({"inventory": str(lab.inventory), "storage_classes": ["longhorn"], "nas": {}}))
    started = lab.rehearsal("up", "--spec", str(spec))
    assert started.returncode == 0, started.stderr
    yield lab
    lab.rehearsal("down")


class Cluster:
    """Objects applied in a namespace of its own, and a hand to meddle."""

    def __init__(self, lab):
        self.lab = lab
        self.namespace = f"apply-{next(NUMBERS)}"
        self.client = self.connect()
        self.ours = {"app.kubernetes.io/managed-by": "homelab.immich", "homelab.immich/instance": self.namespace}

    def connect(self, **options):
        return Client(access(self.lab.state["kubeconfig"], "rehearsal", rehearsal=True), **options)

    def object(self, kind, name, api_version="v1", labels=None, annotations=None, namespaced=True, **content):
        meta = {"name": name, "labels": dict(self.ours if labels is None else labels), **({"annotations": annotations} if annotations else {})}
        return {"apiVersion": api_version, "kind": kind, "metadata": meta | ({"namespace": self.namespace} if namespaced else {}), **content}

    def here(self):
        """The namespace, as an object."""
        return self.object("Namespace", self.namespace, namespaced=False)

    def deployment(self, name="web", image="example.net/web:1", env=None, **spec):
        container = {"name": "web", "image": image, "env": [{"name": key, "value": value} for key, value in (env or {"TZ": "UTC"}).items()]}
        return self.object(
            "Deployment",
            name,
            "apps/v1",
            spec={
                "replicas": 1,
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
                **spec,
            },
        )

    def config(self, name="settings", **data):
        return self.object("ConfigMap", name, data=data)

    def secret(self, name="database", **more):
        """A Secret that is generated."""
        return self.object("Secret", name, annotations={"homelab.immich/generate": "password"}, stringData={"username": "immich"}, **more)

    def claim(self, name="data", size="1Gi", storage_class="longhorn", **spec):
        wanted = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage_class, "resources": {"requests": {"storage": size}}, **spec}
        return self.object("PersistentVolumeClaim", name, spec=wanted)

    def apply(self, *objects, check=False, wait=False, wait_timeout=20, take_over=(), prune=False, memory=None):
        """Apply as the action does; its warnings come with the result."""
        client = self.connect(read_only=check)
        options = {"instance": self.namespace, "take_over": list(take_over), "prune": prune, "kubeconfig": None, "context": "rehearsal", "memory": memory}
        steps, result, warnings = action.apply(client, action.plain(list(objects)), options, check)
        try:
            result |= action.wait(client, objects, steps, wait_timeout, print) if wait else {}
        except action.GaveUp as error:
            result |= {"ready": False, "pending": error.pending}
        return result | {"warnings": warnings}

    def resource(self, item):
        return self.client.resource(item["apiVersion"], item["kind"])

    def live(self, item):
        return self.client.get(self.resource(item), item["metadata"]["name"], item["metadata"].get("namespace", ""))

    def make(self, item):
        """Create an object as somebody else."""
        return self.client.create(self.resource(item), item)

    def delete(self, item):
        self.client.delete(self.resource(item), self.live(item))

    def edit(self, item, patch, manager="kubectl-edit"):
        """Change an object by hand, with a merge patch."""
        path = self.resource(item).path(item["metadata"].get("namespace", ""), item["metadata"]["name"])
        return self.client.request("PATCH", path, patch, {"fieldManager": manager}, "application/strategic-merge-patch+json")

    def env(self, item):
        return {entry["name"]: entry["value"] for entry in self.live(item)["spec"]["template"]["spec"]["containers"][0]["env"]}

    def until(self, condition):
        """Wait for what a controller does."""
        for _attempt in range(100):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError("it did not happen within 10 s")

    def writes(self):
        """What was written to this namespace so far, by the audit log of the API server: all but dry runs."""
        requests = [entry["requestURI"] for entry in audit(self.lab.home) if entry["verb"] in MUTATING]
        return [request for request in requests if self.namespace in request and "dryRun=All" not in request]


@pytest.fixture
def cluster(lab):
    return Cluster(lab)


@pytest.fixture
def ready(cluster):
    """With its namespace made."""
    cluster.apply(cluster.here())
    return cluster


def text(result):
    """Everything that a person could read of a result."""
    return yaml.safe_dump(result)


# ---- what is written


def test_everything_is_created_once_and_then_left_alone(cluster):
    objects = [cluster.deployment(), cluster.claim(), cluster.config(a="1"), cluster.secret(), cluster.here()]
    first = cluster.apply(*objects)
    assert (first["changed"], first["created"], first["updated"], first["total"]) == (True, 5, 0, 5)
    before = cluster.writes()
    second = cluster.apply(*objects)
    assert (second["changed"], second["changes"], second["diff"]) == (False, [], [])
    assert cluster.writes() == before


def test_a_check_of_an_empty_cluster_says_what_would_be_created_and_writes_nothing(cluster):
    result = cluster.apply(cluster.here(), cluster.deployment(), cluster.secret(), cluster.claim(), check=True)
    assert (result["changed"], result["created"]) == (True, 4)
    assert "ready" not in result
    assert cluster.live(cluster.here()) is None
    assert cluster.writes() == []


def test_a_phase_whose_namespace_another_phase_would_make_can_be_checked(cluster):
    assert cluster.apply(cluster.deployment(), check=True)["created"] == 1
    with pytest.raises(plan.Refused, match=f"Namespace {cluster.namespace} does not exist"):
        cluster.apply(cluster.deployment())


def test_a_namespace_of_somebody_else_is_used_as_it_is(cluster):
    cluster.make(cluster.object("Namespace", cluster.namespace, labels={"pod-security.kubernetes.io/enforce": "baseline"}, namespaced=False))
    result = cluster.apply(cluster.here(), cluster.config(a="1"))
    assert result["created"] == 1
    assert "homelab.immich/instance" not in cluster.live(cluster.here())["metadata"]["labels"]


def test_what_the_api_server_would_reject_leaves_nothing_half_applied(ready):
    wrong = ready.deployment(image="")
    wrong["spec"]["template"]["spec"]["containers"][0]["name"] = "Not A Name"
    with pytest.raises(plan.Refused) as refused:
        ready.apply(ready.config(a="1"), wrong)
    assert f"Deployment {ready.namespace}/web is not accepted by the API server" in str(refused.value)
    assert ready.live(ready.config()) is None


def test_an_unknown_kind_says_what_to_install(ready):
    route = ready.object("Tenant", "x", "example.net/v1")
    postgres = ready.object("Cluster", "db", "postgresql.cnpg.io/v9")
    with pytest.raises(plan.Refused) as refused:
        ready.apply(route, postgres)
    assert len(refused.value.problems) == 2
    assert "does not know example.net/v1 Tenant" in refused.value.problems[0]
    assert "install CloudNativePG" in refused.value.problems[1]


# ---- drift


EXTRA = {"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "TZ", "value": "Asia/Tokyo"}, {"name": "EXTRA", "value": "1"}]}]}}}}


@pytest.mark.parametrize("manager", ["kubectl-edit", "kubectl-set", "k9s", "Mozilla"])
def test_a_hand_edit_is_put_right_also_what_was_added(ready, manager):
    wanted = ready.deployment()
    ready.apply(wanted)
    ready.edit(wanted, EXTRA, manager)
    check, before = ready.apply(wanted, check=True), ready.writes()
    assert ready.env(wanted) == {"TZ": "Asia/Tokyo", "EXTRA": "1"}
    assert ready.writes() == before
    result = ready.apply(wanted)
    assert ready.env(wanted) == {"TZ": "UTC"}
    assert check["diff"] == result["diff"]
    [diff] = result["diff"]
    assert diff["before_header"] == f"Deployment {ready.namespace}/web"
    assert yaml.safe_load(diff["before"]) == EXTRA
    assert yaml.safe_load(diff["after"])["spec"]["template"]["spec"]["containers"] == [{"name": "web", "env": [{"name": "TZ", "value": "UTC"}]}]
    assert ready.apply(wanted)["changed"] is False


def test_a_field_that_was_added_goes_back_to_its_default_and_the_check_knows_it(ready):
    wanted = ready.deployment()
    ready.apply(wanted)
    ready.edit(wanted, {"spec": {"revisionHistoryLimit": 2}, "metadata": {"annotations": {"note": "mine"}}})
    check = ready.apply(wanted, check=True)
    assert yaml.safe_load(check["diff"][0]["after"]) == {"spec": {"revisionHistoryLimit": 10}}
    ready.apply(wanted)
    live = ready.live(wanted)
    assert live["spec"]["revisionHistoryLimit"] == 10
    assert "note" not in live["metadata"].get("annotations", {})


def test_what_controllers_and_a_restart_set_stays(ready):
    wanted = ready.deployment()
    del wanted["spec"]["replicas"]
    ready.apply(wanted)
    restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    ready.edit(wanted, restart, "kubectl-rollout")
    ready.edit(wanted, {"spec": {"replicas": 3}}, "horizontal-pod-autoscaler")
    assert ready.apply(wanted)["changed"] is False
    assert ready.live(wanted)["spec"]["replicas"] == 3


def test_a_label_that_somebody_took_away_comes_back(ready):
    ready.apply(ready.deployment())
    ready.edit(ready.deployment(), {"metadata": {"labels": None}})
    assert ready.apply(ready.deployment())["updated"] == 1
    assert ready.live(ready.deployment())["metadata"]["labels"] == ready.ours


def test_what_is_no_longer_declared_goes(ready):
    ready.apply(ready.deployment(env={"TZ": "UTC", "LOG": "debug"}))
    assert ready.apply(ready.deployment())["updated"] == 1
    assert ready.env(ready.deployment()) == {"TZ": "UTC"}


def test_a_deleted_object_comes_back(ready):
    ready.apply(ready.config(a="1"), ready.deployment())
    ready.delete(ready.config())
    assert ready.apply(ready.config(a="1"), ready.deployment())["changes"] == [f"created ConfigMap {ready.namespace}/settings"]


# ---- Secrets


def test_a_generated_secret_is_made_once_and_never_written_again(ready):
    ready.apply(ready.secret())
    data = ready.live(ready.secret())["data"]
    password = base64.b64decode(data["password"]).decode()
    assert len(password) == 32 and password.isalnum()
    assert base64.b64decode(data["username"]) == b"immich"
    changed = ready.secret()
    changed["stringData"]["username"] = "other"
    assert ready.apply(changed)["changed"] is False
    assert ready.live(ready.secret())["data"] == data
    ready.delete(ready.secret())
    ready.apply(ready.secret())
    assert ready.live(ready.secret())["data"]["password"] != data["password"]


def test_a_secret_that_somebody_made_is_used_as_it_is_if_it_has_the_keys(ready):
    theirs = ready.object("Secret", "database", labels={}, stringData={"username": "me", "password": "pw"})
    ready.make(theirs)
    before = ready.live(theirs)
    assert ready.apply(ready.secret())["changed"] is False
    assert ready.live(theirs) == before
    ready.delete(theirs)
    ready.make(ready.object("Secret", "database", labels={}, stringData={"username": "me"}))
    with pytest.raises(plan.Refused, match="has no key password"):
        ready.apply(ready.secret())


def test_no_value_of_a_secret_is_in_a_result(ready):
    def given(value):
        return ready.object("Secret", "given", stringData={"password": value, "user": "immich-user"})

    results = [ready.apply(ready.secret(), given("first-value"), check=True), ready.apply(ready.secret(), given("first-value"))]
    results.append(ready.apply(ready.secret(), given("second-value")))
    generated = base64.b64decode(ready.live(ready.secret())["data"]["password"]).decode()
    for value in ("first-value", "second-value", "immich-user", generated):
        assert value not in text(results)
        assert base64.b64encode(value.encode()).decode() not in text(results)
    assert yaml.safe_load(results[2]["diff"][0]["after"]) == {"data": {"password": "(hidden, another value)"}}
    assert base64.b64decode(ready.live(given(""))["data"]["password"]) == b"second-value"


def test_what_runs_with_the_old_values_of_a_secret_that_is_made_anew_is_restarted(ready):
    def using(secret):
        wanted = ready.deployment("reader")
        wanted["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": secret}}]
        return wanted

    objects = [ready.secret(), using("database"), ready.deployment("other")]
    assert ready.apply(*objects, wait=True)["warnings"] == []
    generations = [ready.live(item)["metadata"]["generation"] for item in objects[1:]]
    ready.delete(ready.secret())
    check = ready.apply(ready.secret(), check=True)
    assert [ready.live(item)["metadata"]["generation"] for item in objects[1:]] == generations
    result = ready.apply(ready.secret())  # as the data layer is applied, which the Deployment is no part of
    assert result["changes"] == check["changes"] == [f"created Secret {ready.namespace}/database", f"restarted Deployment {ready.namespace}/reader"]
    assert result["diff"] == check["diff"]
    assert (
        result["warnings"]
        == check["warnings"]
        == [
            f"Secret {ready.namespace}/database: missing, so made anew with other values;"
            f" Deployment {ready.namespace}/reader, which used the old ones, restart."
        ]
    )
    assert [ready.live(item)["metadata"]["generation"] for item in objects[1:]] == [generations[0] + 1, generations[1]]
    assert ready.apply(*objects, wait=True)["changes"] == []


# ---- whose it is


FOREIGN = {
    "Argo CD": ({}, {"argocd.argoproj.io/tracking-id": "media:/ConfigMap:x/settings"}),
    "Flux": ({"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}, {}),
    "Helm": ({"app.kubernetes.io/managed-by": "Helm"}, {"meta.helm.sh/release-name": "immich"}),
    "another instance": ({"app.kubernetes.io/managed-by": "homelab.immich", "homelab.immich/instance": "family"}, {}),
    "somebody else": ({}, {}),
}


@pytest.mark.parametrize("who", FOREIGN)
def test_what_belongs_to_somebody_else_is_refused_unless_it_is_named(ready, who):
    labels, annotations = FOREIGN[who]
    theirs = ready.object("ConfigMap", "settings", labels=labels, annotations=annotations, data={"theirs": "1"})
    ready.client.request("POST", ready.resource(theirs).path(ready.namespace), theirs, {"fieldManager": "helm"})
    before = ready.live(theirs)
    for check in (True, False):
        with pytest.raises(plan.Refused) as refused:
            ready.apply(ready.config("other", a="1"), ready.config(a="1"), check=check)
        assert f"belongs to {who}" in str(refused.value)
        assert "immich_take_over: [ConfigMap/settings]" in str(refused.value)
    assert ready.live(theirs) == before
    assert ready.live(ready.config("other")) is None
    result = ready.apply(ready.config(a="1"), take_over=["ConfigMap/settings"])
    assert result["updated"] == 1
    live = ready.live(theirs)
    assert live["data"] == {"a": "1"}
    assert live["metadata"]["labels"] == ready.ours
    assert not live["metadata"].get("annotations")
    assert ready.apply(ready.config(a="1"))["changed"] is False


def test_all_refusals_come_at_once(ready):
    for name in ("one", "two"):
        ready.make(ready.object("ConfigMap", name, labels={}, data={}))
    with pytest.raises(plan.Refused) as refused:
        ready.apply(ready.config("one", a="1"), ready.config("two", a="1"))
    assert len(refused.value.problems) == 2


def test_a_secret_of_a_controller_is_never_written(ready):
    parent = ready.make(ready.object("ConfigMap", "parent", data={}))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "parent", "uid": parent["metadata"]["uid"]}
    theirs = ready.object("Secret", "given", stringData={"key": "1"})
    theirs["metadata"]["ownerReferences"] = [reference]
    ready.make(theirs)
    with pytest.raises(plan.Refused, match="its controller"):
        ready.apply(ready.object("Secret", "given", stringData={"key": "2"}), take_over=["Secret/given"])


# ---- volumes


def volume(cluster, name="media", path="/mnt/tank/immich", size="1Ti"):
    """A static NFS volume and its claim."""
    spec = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "nfs": {"server": "192.0.2.10", "path": path},
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": cluster.namespace, "name": name},
    }
    claim = cluster.claim(name, size, "", volumeName=f"{cluster.namespace}-{name}", accessModes=["ReadWriteMany"])
    return cluster.object("PersistentVolume", f"{cluster.namespace}-{name}", namespaced=False, spec=spec), claim


def test_a_released_volume_of_ours_is_given_back_to_its_claim(ready):
    volume_, claim = volume(ready)
    assert ready.apply(volume_, claim, wait=True)["ready"]
    ready.delete(claim)
    ready.until(lambda: ready.live(volume_)["status"]["phase"] == "Released")
    check = ready.apply(volume_, claim, check=True)
    assert "uid" in check["diff"][0]["before"] + check["diff"][1]["before"]
    assert ready.live(volume_)["status"]["phase"] == "Released"
    assert ready.apply(volume_, claim, wait=True)["ready"]
    assert ready.live(claim)["status"]["phase"] == "Bound"
    assert ready.apply(volume_, claim)["changed"] is False


def released(cluster):
    """A volume whose claim is gone, and what the inventory wants now."""
    volume_, claim = volume(cluster)
    cluster.apply(volume_, claim, wait=True)
    cluster.delete(claim)
    cluster.until(lambda: cluster.live(volume_)["status"]["phase"] == "Released")
    return volume_, claim


def test_a_released_volume_of_another_instance_is_left_alone(ready):
    volume_, claim = released(ready)
    ready.edit(volume_, {"metadata": {"labels": {"homelab.immich/instance": "family"}}}, manager="somebody")
    before = ready.live(volume_)
    with pytest.raises(plan.Refused, match=r"belongs to another instance of this collection \(family\)"):
        ready.apply(volume_, claim)
    assert ready.live(volume_) == before and ready.live(claim) is None


def test_a_released_volume_with_other_files_is_left_alone(ready):
    volume_, claim = released(ready)
    before = ready.live(volume_)
    with pytest.raises(plan.Refused, match="nfs.path: /mnt/tank/immich -> /mnt/tank/other"):
        ready.apply(*volume(ready, path="/mnt/tank/other"))
    assert ready.live(volume_) == before and ready.live(claim) is None


def test_the_volume_of_a_claim_that_was_deleted_is_not_replaced_by_an_empty_one(ready):
    claim = ready.claim()
    ready.apply(claim, wait=True)
    name = ready.live(claim)["spec"]["volumeName"]
    kept = ready.object("PersistentVolume", name, namespaced=False)
    ready.edit(kept, {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}, manager="somebody")
    ready.delete(claim)
    ready.until(lambda: ready.live(kept)["status"]["phase"] == "Released")
    with pytest.raises(plan.Refused) as refused:
        ready.apply(claim)
    assert f"would be made anew, empty, while PersistentVolume {name} still has its files" in str(refused.value)
    assert ready.live(claim) is None
    ready.edit(kept, json.loads(str(refused.value).partition(f"kubectl patch persistentvolume {name} -p '")[2].partition("'")[0]), manager="somebody")
    assert ready.apply(claim, wait=True)["ready"] and ready.live(claim)["spec"]["volumeName"] == name
    assert ready.apply(claim)["changed"] is False


def test_a_volume_of_one_node_keeps_a_pod_on_another_node_waiting(ready):
    """As the cache does that machine learning and the server share."""

    def using(name, node):
        wanted = ready.deployment(name)
        pod = wanted["spec"]["template"]["spec"]
        pod |= {"nodeSelector": {"kubernetes.io/hostname": node}, "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
        pod["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/cache"}]
        return wanted

    first, second = using("first", "rehearsal-1"), using("second", "rehearsal-2")
    assert ready.apply(ready.claim(), first, wait=True)["ready"]
    result = ready.apply(second, wait=True, wait_timeout=6)
    assert not result["ready"]
    [pod] = ready.client.list(ready.client.resource("v1", "Pod"), ready.namespace, "app=second")
    assert pod["status"]["phase"] == "Pending"
    assert "Multi-Attach error for claim data" in pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]


@pytest.mark.parametrize("check", [True, False])
def test_what_cannot_change_is_explained_at_once_and_before_anything_changes(ready, check):
    volume_, claim = volume(ready)
    objects = [volume_, claim, ready.claim(), ready.deployment(), ready.secret("own", type="Opaque"), ready.config(a="1")]
    del objects[4]["metadata"]["annotations"]
    ready.apply(*objects, wait=True)
    moved, _claim = volume(ready, path="/mnt/tank/other")
    moved["spec"]["accessModes"] = claim["spec"]["accessModes"] = ["ReadOnlyMany"]
    selector = ready.deployment()
    selector["spec"]["selector"]["matchLabels"]["app"] = selector["spec"]["template"]["metadata"]["labels"]["app"] = "other"
    secret = copy.deepcopy(objects[4]) | {"type": "kubernetes.io/basic-auth", "stringData": {"username": "a", "password": "b"}}
    foreign = ready.make(ready.object("ConfigMap", "theirs", labels={}, data={}))
    theirs = ready.object("ConfigMap", "theirs", data={"a": "2"})
    before = ready.writes()
    with pytest.raises(plan.Refused) as refused:
        ready.apply(ready.config(a="2"), moved, claim, ready.claim(storage_class="local-path"), selector, secret, theirs, check=check)
    owned, pv, own, pvc, deployment = refused.value.problems
    assert "ConfigMap" in owned and "belongs to somebody else" in owned
    assert pv.startswith("immich_volumes, media: ") and "nfs.path: /mnt/tank/immich -> /mnt/tank/other" in pv and "deletes no file" in pv
    assert f"\n  2. kubectl delete persistentvolumeclaim media -n {ready.namespace}" in pv and pv.endswith("\n  4. Run again.")
    assert "type: Opaque -> kubernetes.io/basic-auth" in own or "Opaque -> kubernetes.io/basic-auth" in own
    assert pvc.startswith("immich_volumes, data: ") and "storage_class longhorn -> local-path" in pvc and "immich_accept_moved_volumes" in pvc
    assert f"\n  1. kubectl delete deployment web -n {ready.namespace}" in deployment
    assert "&" not in str(refused.value) and "core." not in str(refused.value)
    assert ready.writes() == before
    ready.delete(foreign)


def test_the_steps_for_a_volume_that_cannot_change_lead_there(ready):
    """As a person would do them: delete claim and volume, run again."""
    ready.apply(*volume(ready), wait=True)
    moved = volume(ready, path="/mnt/tank/other")
    with pytest.raises(plan.Refused, match="kubectl delete persistentvolume "):
        ready.apply(*moved)
    ready.delete(moved[1])
    ready.delete(moved[0])
    ready.until(lambda: not ready.live(moved[0]) and not ready.live(moved[1]))
    assert ready.apply(*moved, wait=True)["ready"]
    assert ready.apply(*moved)["changed"] is False


def test_a_volume_never_shrinks(ready):
    ready.apply(ready.claim(size="2Gi"))
    with pytest.raises(plan.Refused, match=r"immich_volumes, data: .* has 2Gi and cannot shrink to 1Gi\. Set size to 2Gi\."):
        ready.apply(ready.claim(size="1Gi"))
    ready.apply(database(ready, "20Gi"))
    with pytest.raises(plan.Refused, match="Set immich_database_size to 20Gi"):
        ready.apply(database(ready, "10Gi"))


def database(cluster, size, storage_class="longhorn"):
    """A database."""
    spec = {"instances": 1, "imageName": "ghcr.io/tensorchord/cloudnative-vectorchord:17.10-1.1.1", "storage": {"size": size, "storageClass": storage_class}}
    return cluster.object("Cluster", "db", "postgresql.cnpg.io/v1", spec=spec)


def test_a_volume_grows_where_its_class_resizes_volumes(ready):
    rigid = ready.object("StorageClass", f"rigid-{ready.namespace}", "storage.k8s.io/v1", labels={}, namespaced=False, provisioner="example.net/rigid")
    ready.make(rigid)
    name = rigid["metadata"]["name"]
    grown = f"storage class {name} does not resize volumes"
    of_class = {"metadata": {"name": f"pv-{ready.namespace}", "labels": {}}, "spec": {"storageClassName": name}}
    bound = volume(ready, "rigid", size="1Gi")[0]
    bound["metadata"] = of_class["metadata"]
    bound["spec"] |= of_class["spec"] | {"accessModes": ["ReadWriteOnce"]}
    ready.make(bound)
    assert ready.apply(ready.claim(), ready.claim("rigid", storage_class=name), wait=True)["ready"]
    ready.apply(database(ready, "20Gi", name))
    before = ready.writes()
    with pytest.raises(plan.Refused) as refused:
        ready.apply(ready.claim(size="2Gi"), ready.claim("rigid", "2Gi", name), database(ready, "30Gi", name))
    rigid_database, claim = refused.value.problems
    assert rigid_database.startswith("immich_database_size: ") and grown in rigid_database and "Put 20Gi back" in rigid_database
    assert claim.startswith("immich_volumes, rigid: ") and grown in claim and "Put 1Gi back" in claim
    assert ready.writes() == before
    ready.edit(rigid, {"allowVolumeExpansion": True}, manager="somebody")  # the first step of both
    assert ready.apply(ready.claim(size="2Gi"), ready.claim("rigid", "2Gi", name), database(ready, "30Gi", name))["updated"] == 3
    ready.delete(rigid)


def test_the_size_of_an_nfs_volume_is_bookkeeping(ready):
    volume_, claim = volume(ready)
    ready.apply(volume_, claim, wait=True)
    with pytest.raises(plan.Refused, match="immich_volumes, media: .*cannot grow to 2Ti: on NFS, SMB and a node the size is bookkeeping.* Put size: 1Ti back"):
        ready.apply(*volume(ready, size="2Ti"))


def test_what_is_being_deleted_is_waited_for_by_a_person(ready):
    held = ready.config(a="1")
    held["metadata"]["finalizers"] = ["example.net/hold"]
    ready.make(held)
    ready.delete(held)
    with pytest.raises(plan.Refused, match="is being deleted"):
        ready.apply(ready.config(a="1"))
    ready.edit(held, {"metadata": {"finalizers": None}})


# ---- pruning


def test_only_what_holds_no_data_is_pruned_and_the_rest_is_listed(ready):
    kept = [ready.config("kept", a="1"), ready.here()]
    database = {"cluster": {"name": "db"}, "name": "x", "owner": "x"}
    holds = [ready.claim("old"), ready.secret("old"), ready.object("Database", "old", "postgresql.cnpg.io/v1", spec=database)]
    backend = {"service": {"name": "old", "port": {"number": 80}}}
    gone = [
        ready.deployment("old"),
        ready.config("old", a="1"),
        ready.object("Service", "old", spec={"ports": [{"port": 80}]}),
        ready.object("Ingress", "old", "networking.k8s.io/v1", spec={"defaultBackend": backend}),
    ]
    family = {**ready.ours, "homelab.immich/instance": "family"}
    others = [ready.object("ConfigMap", "theirs", labels={}, data={}), ready.object("ConfigMap", "family", labels=family, data={})]
    for item in others:
        ready.make(item)
    ready.apply(*kept, *holds, *gone)
    before = ready.writes()
    check = ready.apply(*kept, prune=True, check=True)
    assert ready.writes() == before
    result = ready.apply(*kept, prune=True)
    assert check["pruned"] == result["pruned"] == [plan.title(item) for item in gone[:1] + gone[2:3] + gone[1:2] + gone[3:]]
    assert check["diff"] == result["diff"]
    assert [item["object"] for item in result["leftovers"]] == [plan.title(item) for item in holds]
    removal = f"kubectl --context rehearsal delete persistentvolumeclaim old -n {ready.namespace}  # with reclaim policy Delete its data goes too"
    assert result["leftovers"][0]["command"] == removal
    assert [item for item in gone if ready.live(item)] == []
    assert all(ready.live(item) for item in kept + holds + others)
    again = ready.apply(*kept, prune=True)
    assert (again["changed"], len(again["leftovers"])) == (False, 3)
    mounting = ready.deployment("mounting")
    mounting["spec"]["template"]["spec"]["volumes"] = [{"name": "old", "persistentVolumeClaim": {"claimName": "old"}}]
    mounting["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "old", "mountPath": "/old"}]
    left = [item["object"] for item in ready.apply(*kept, mounting, prune=True)["leftovers"]]
    assert left == [plan.title(item) for item in holds[1:]]


# ---- readiness


def test_pods_that_do_not_start_are_said_with_their_reason(ready):
    wanted = ready.deployment()
    wanted["spec"]["template"]["metadata"]["annotations"] = {"rehearsal.homelab.immich/fail": "no such folder"}
    result = ready.apply(wanted, wait=True, wait_timeout=4)
    assert result["ready"] is False
    [reason] = result["pending"]
    assert reason["object"] == f"Deployment {ready.namespace}/web"
    assert "no such folder" in reason["why"]


def test_a_pod_that_no_node_takes_is_said(ready):
    wanted = ready.deployment()
    wanted["spec"]["template"]["spec"]["nodeSelector"] = {"gpu": "yes"}
    [reason] = ready.apply(wanted, wait=True, wait_timeout=4)["pending"]
    assert "no node takes the pod" in reason["why"]


def postgres(cluster, fail=None):
    """A database cluster and the database in it."""
    spec = {"instances": 1, "imageName": "ghcr.io/tensorchord/cloudnative-vectorchord:17.10-1.1.1", "storage": {"size": "1Gi", "storageClass": "longhorn"}}
    annotations = {"rehearsal.homelab.immich/fail": fail} if fail else None
    database = {"cluster": {"name": "db"}, "name": "immich", "owner": "immich"}
    return [
        cluster.object("Cluster", "db", "postgresql.cnpg.io/v1", annotations=annotations, spec=spec),
        cluster.object("Database", "db", "postgresql.cnpg.io/v1", spec=database),
    ]


def test_a_database_is_waited_for_until_it_is_healthy(ready):
    assert ready.apply(*postgres(ready), wait=True)["ready"]
    live = [ready.live(item) for item in postgres(ready)]
    assert live[0]["status"]["phase"] == "Cluster in healthy state"
    assert live[1]["status"]["applied"] is True


def test_a_database_that_fails_is_said_with_its_reason(ready):
    result = ready.apply(*postgres(ready, fail="Cluster is unrecoverable and needs manual intervention"), wait=True, wait_timeout=6)
    assert result["ready"] is False
    assert f"Cluster {ready.namespace}/db" in [item["object"] for item in result["pending"]]
    assert "manual intervention" in text(result["pending"])


# ---- identity


def test_the_control_node_remembers_the_cluster_of_a_real_run_only(ready, tmp_path):
    path = tmp_path / "photos.json"
    ready.apply(ready.config(a="1"), memory=str(path), check=True)
    assert not path.exists()
    ready.apply(ready.config(a="1"), memory=str(path))
    assert memory.recall(str(path))["cluster_uid"] == memory.cluster_uid(ready.client)


def test_a_look_at_a_cluster_finds_what_the_rules_need(ready):
    ready.apply(
        ready.object("ConfigMap", "immich-instance", data={"initialized": "true"}),
        ready.object("Ingress", "in", "networking.k8s.io/v1", spec={"rules": [{"host": f"{ready.namespace}.example.net"}]}),
    )
    wanted = identity.Wanted(instance=ready.namespace, name="immich", namespace=ready.namespace, version="v3.3.5", hosts=[f"{ready.namespace}.example.net"])
    found = identity.look(ready.connect(read_only=True), wanted)
    assert identity.initialized(wanted, found)
    assert found.cluster_uid
    assert [item["metadata"]["name"] for item in found.storage_classes if item["metadata"]["name"] == "longhorn"]
    assert not [problem for problem in identity.problems(wanted, found) if "already leads elsewhere" in problem]
    theirs = identity.Wanted(instance="nobody", name="nobody", namespace="elsewhere", version="v3.3.5", hosts=[f"{ready.namespace}.example.net"])
    [problem] = identity.problems(theirs, identity.look(ready.connect(read_only=True), theirs))
    assert f"already leads elsewhere: Ingress {ready.namespace}/in" in problem


# ---- through Ansible


def playbook(folder: Path, **options) -> Path:
    """A playbook of one apply task; the objects come from a variable, as they do from the lookup."""
    objects = options.pop("objects")
    task = {"name": "Apply", "homelab.immich.apply": {"objects": "{{ wanted_objects }}", **options}}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "wanted_objects": objects},
        "tasks": [task],
    }
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump([play]))
    return path


def reach(cluster) -> dict:
    """The options that every task needs."""
    return {"instance": cluster.namespace, "kubeconfig": cluster.lab.state["kubeconfig"], "context": "rehearsal", "rehearsal": True}


def run(lab, path, *arguments, **environment):
    done = subprocess.run(
        ["ansible-playbook", str(path), "-i", "localhost,", *arguments],
        cwd=CHECKOUT,
        env=lab.environment | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_no_secret_is_in_the_output_of_ansible(ready, lab, tmp_path):
    given = ready.object("Secret", "given", stringData={"password": "correct-horse-battery"})
    path = playbook(tmp_path, objects=[given, ready.secret(), ready.deployment()], **reach(ready))
    outputs = [run(lab, path, "-vvv", "--diff", *more) for more in (["--check"], [], [])]
    generated = base64.b64decode(ready.live(ready.secret())["data"]["password"]).decode()
    for (code, output), changed in zip(outputs, (1, 1, 0), strict=True):
        assert code == 0, output
        assert f"changed={changed}" in output
        for value in ("correct-horse-battery", base64.b64encode(b"correct-horse-battery").decode(), generated):
            assert value not in output
    assert f"after: Secret {ready.namespace}/given" in outputs[0][1]
    assert "image: example.net/web:1" in outputs[0][1]


def test_a_person_sees_what_is_waited_for_and_why_it_ends(ready, lab, tmp_path):
    wanted = ready.deployment()
    wanted["spec"]["template"]["metadata"]["annotations"] = {"rehearsal.homelab.immich/fail": "no such folder"}
    options = {"name": "workloads", "wait_timeout": 14, **reach(ready)}
    code, output = run(lab, playbook(tmp_path, objects=[wanted], **options))
    assert code != 0
    assert f"workloads: waiting for Deployment {ready.namespace}/web" in output
    assert "workloads: not ready (waited 14 s" in output
    assert "changed: true" in output and f"created Deployment {ready.namespace}/web" in output
    assert output.count("no such folder") >= 2


def test_ansible_never_leaves_this_machine_in_a_rehearsal(ready, lab, tmp_path):
    elsewhere = tmp_path / "kubeconfig"
    content = yaml.safe_load(Path(lab.state["kubeconfig"]).read_text())
    content["clusters"][0]["cluster"]["server"] = "https://198.51.100.7:6443"
    elsewhere.write_text(yaml.safe_dump(content))
    options = {"objects": [ready.config(a="1")], "instance": ready.namespace, "context": "rehearsal", "rehearsal": True}
    code, output = run(lab, playbook(tmp_path, kubeconfig=str(elsewhere), **options))
    assert code != 0
    assert "A rehearsal only talks to this machine" in output
    poison = {name: "https://198.51.100.7:6443" for name in ("K8S_AUTH_HOST", "K8S_AUTH_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")}
    poison |= {"KUBECONFIG": str(elsewhere), "K8S_AUTH_KUBECONFIG": str(elsewhere)}
    code, output = run(lab, playbook(tmp_path, kubeconfig=lab.state["kubeconfig"], **options), **poison)
    assert code == 0, output
    assert ready.live(ready.config())


# ---- the role


@pytest.fixture
def instance(cluster):
    """What stands for this instance in the inventory: a name and a namespace of its own."""
    cluster.variables = {"immich_name": cluster.namespace, "immich_namespace": cluster.namespace, "immich_ingress": []}
    cluster.variables["immich_accept_existing_media"] = True  # no play for the NAS comes before
    yield cluster
    for api_version, kind in (("apps/v1", "Deployment"), ("v1", "ConfigMap")):  # an instance lives in one namespace
        resource = cluster.client.resource(api_version, kind)
        for item in cluster.client.list(resource, cluster.namespace, "homelab.immich/instance"):
            cluster.client.delete(resource, item)


def deliver(instance, tmp_path, *arguments, **variables):
    """Check the cluster and apply the data layer, as the main job does."""
    path = tmp_path / "deliver.yml"
    roles = [{"name": name, "ansible.builtin.import_role": {"name": "homelab.immich.deliver", "tasks_from": name}} for name in ("defaults", "check", "data")]
    interpreter = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    path.write_text(yaml.safe_dump([{"hosts": "immich", "connection": "local", "gather_facts": False, "vars": interpreter, "tasks": roles}]))
    return instance.lab.play("-e", json.dumps({**instance.variables, **variables}), *arguments, playbook=str(path), check=False)


def test_the_data_layer_is_delivered_and_then_left_alone(instance, tmp_path):
    plan_ = deliver(instance, tmp_path, "--check")
    assert plan_.total("failed") == 0 and plan_.total("changed") == 1, plan_.output
    assert instance.writes() == []
    first = deliver(instance, tmp_path)
    assert first.total("failed") == 0 and first.total("changed") == 1, first.output
    before = instance.writes()
    again = deliver(instance, tmp_path, "--diff")
    assert again.total("failed") == 0 and again.total("changed") == 0, again.output
    assert instance.writes() == before
    for wrong, words in (
        ({"immich_database_postgres": "16.9"}, ["PostgreSQL 17.10 runs", "immich_database_postgres is 16.9"]),
        ({"immich_database_postgres": "18.1"}, ["PostgreSQL 17.10 runs", "playbooks/upgrade.yml"]),
        ({"immich_database_vectorchord": "0.5.3"}, ["VectorChord 1.1.1 runs", "immich_database_vectorchord is 0.5.3"]),
        ({"immich_namespace": f"{instance.namespace}-moved"}, [f"photos already runs in namespace {instance.namespace}"]),
        ({"immich_database_storage_class": "nowhere"}, ["Storage class nowhere does not exist"]),
    ):
        refused = deliver(instance, tmp_path, **wrong)
        assert refused.total("failed") == 1, refused.output
        for word in words:
            assert word in refused.output.replace("\n", " ")
    assert instance.writes() == before


def test_the_database_is_not_begun_anew_when_it_is_gone(instance, tmp_path):
    assert deliver(instance, tmp_path).total("failed") == 0
    config = instance.object("ConfigMap", f"{instance.namespace}-instance")
    instance.edit(config, {"data": {"initialized": "true"}})
    instance.delete(instance.object("Cluster", f"{instance.namespace}-db", "postgresql.cnpg.io/v1"))
    refused = deliver(instance, tmp_path)
    assert refused.total("failed") == 1
    assert "has been set up, but its database Cluster" in refused.output


def test_a_cluster_that_is_not_that_of_the_last_time_is_refused(instance, tmp_path):
    assert deliver(instance, tmp_path).total("failed") == 0
    instance.edit(instance.object("ConfigMap", f"{instance.namespace}-instance"), {"data": {"cluster_uid": "another"}})
    refused = deliver(instance, tmp_path)
    assert refused.total("failed") == 1
    assert "leads to another cluster than last time" in refused.output
    accepted = deliver(instance, tmp_path, immich_accept_cluster=memory.cluster_uid(instance.client))
    assert accepted.total("failed") == 0 and accepted.total("changed") == 1, accepted.output
    assert deliver(instance, tmp_path).total("changed") == 0
