# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When something is ready, and what a person reads while it is not."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.readiness import HEALTHY, not_ready


def deployment(replicas=1, generation=2, **status):
    full = {"observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, **status}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "immich-server", "namespace": "immich", "generation": 2},
        "spec": {"replicas": replicas},
        "status": full,
    }


def pod(ready="False", waiting=None, last=None, **status):
    state = {"waiting": waiting} if waiting else {"running": {}}
    container = {"name": "server", "image": "ghcr.io/immich-app/immich-server:v3.3.5", "state": state, "lastState": {"terminated": last} if last else {}}
    conditions = [{"type": "Ready", "status": ready}]
    return {"metadata": {}, "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [container], **status}}


def test_a_rolled_out_deployment_is_ready():
    assert not_ready(deployment()) is None
    assert not_ready({**deployment(replicas=0), "status": {"observedGeneration": 2}}) is None


@pytest.mark.parametrize(
    "live",
    [
        deployment(observedGeneration=1),
        deployment(availableReplicas=0),
        deployment(updatedReplicas=0),
        deployment(replicas=2),
        {**deployment(), "status": {}},
        {name: value for name, value in deployment().items() if name != "status"},
    ],
)
def test_an_old_or_half_rolled_out_deployment_is_not(live):
    assert not_ready(live).why


def test_an_autoscaler_may_want_more_pods_than_there_are_yet():
    """Nodes without room for them are no reason for a run to fail."""
    live = deployment(replicas=3)
    live["status"] |= {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}
    assert not_ready(live).why
    live["metadata"]["managedFields"] = [{"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"}]
    assert not_ready(live) is None
    live["status"]["updatedReplicas"] = 2  # but not with pods of before
    assert not_ready(live).why


def test_a_pod_that_runs_and_is_starting_has_the_time_of_its_deployment():
    live = deployment(availableReplicas=0)
    live["spec"]["progressDeadlineSeconds"] = 3900
    assert not_ready(live, [pod()]).patience == 3900
    crashing = pod(waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 1})
    assert not_ready(live, [pod(), crashing]).patience == not_ready(live, [crashing]).patience == not_ready(live, []).patience == 0


def test_an_old_pod_that_still_runs_beside_the_new_one_is_waited_for():
    live = deployment()
    live["status"]["replicas"] = 2
    assert not_ready(live)


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        ([pod(waiting={"reason": "ImagePullBackOff", "message": "manifest unknown"})], "immich-server:v3.3.5 cannot be pulled: manifest unknown"),
        ([pod(waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 1, "message": "no such folder\n"})], "keeps crashing (exit code 1, no such folder)"),
        ([pod(waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 137, "reason": "OOMKilled"})], "exit code 137, OOMKilled"),
        ([pod(waiting={"reason": "CreateContainerConfigError", "message": 'secret "x" not found'})], 'CreateContainerConfigError secret "x" not found'),
        (
            [{"metadata": {}, "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2 nodes: no gpu"}]}}],
            "no node takes the pod: 0/2 nodes: no gpu",
        ),
        ([pod(waiting={"reason": "ContainerCreating"}, phase="Pending")], "the pod is starting"),
        ([pod()], "does not answer its readiness probe"),
        ([{"metadata": {"deletionTimestamp": "now"}, "status": {}}], "an old pod is stopping"),
        ([], "0 of 1 pods available"),
    ],
)
def test_what_keeps_a_pod_is_said(pods, words):
    assert words in not_ready(deployment(availableReplicas=0), pods).why


def claim(phase="Pending", **spec):
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": "x"}, "spec": spec, "status": {"phase": phase}}


def test_a_claim_is_ready_when_bound_or_when_nobody_asks_for_it_yet():
    assert not_ready(claim("Bound")) is None
    assert not_ready(claim(storageClassName="local-path"), waits_for_consumer=True) is None
    assert "storage class longhorn" in not_ready(claim(storageClassName="longhorn")).why
    assert "volume immich-media" in not_ready(claim(volumeName="immich-media")).why
    assert not_ready(claim("Lost", volumeName="immich-media")).hopeless


IMAGE = "ghcr.io/tensorchord/cloudnative-vectorchord:17.10-1.1.1"


def cluster(phase=HEALTHY, annotations=None, instances=1, **status):
    full = {
        "phase": phase,
        "readyInstances": 1,
        "currentPrimary": "immich-db-1",
        "targetPrimary": "immich-db-1",
        "image": IMAGE,
        "conditions": [{"type": "Ready", "status": "True"}],
        **status,
    }
    return {"kind": "Cluster", "metadata": {"annotations": annotations or {}}, "spec": {"instances": instances, "imageName": IMAGE}, "status": full}


def test_a_cluster_whose_changes_are_not_archived_is_not_ready():
    said = {"type": "ContinuousArchiving", "status": "False", "message": "Expected empty archive"}
    live = cluster(conditions=[{"type": "Ready", "status": "True"}, said])
    assert not_ready(live) is None  # nobody asked for an archive
    live["spec"]["plugins"] = [{"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": True}]
    assert not_ready(live).why == "its changes are not archived: Expected empty archive"
    said["status"] = "True"
    assert not_ready(live) is None


def test_a_healthy_cluster_is_ready():
    assert not_ready(cluster()) is None


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (cluster("Setting up primary", phaseReason="Creating primary instance immich-db-1"), "Setting up primary: Creating primary instance"),
        (cluster(instances=2), "1 of 2 instances ready"),
        (cluster(targetPrimary="immich-db-2"), "switching over to immich-db-2"),
        (cluster(image=IMAGE.replace("17.10", "17.9")), "still running"),
        (cluster(conditions=[{"type": "Ready", "status": "False", "message": "not yet"}]), "not yet"),
        (cluster(""), "is its operator running?"),
    ],
)
def test_a_cluster_on_its_way_is_waited_for(live, words):
    assert words in not_ready(live).why
    assert not not_ready(live).hopeless


@pytest.mark.parametrize(
    "live",
    [
        cluster("Unable to create required cluster objects", phaseReason="webhook denied"),
        cluster("Cluster is unrecoverable and needs manual intervention"),
        cluster("Waiting for user action"),
        cluster("Cluster cannot proceed to reconciliation due to an unknown plugin being required"),
        cluster(annotations={"cnpg.io/hibernation": "on"}),
    ],
)
def test_a_cluster_that_does_not_help_itself_is_not_waited_for(live):
    assert not_ready(live).hopeless


def database(generation=1, **status):
    return {"kind": "Database", "metadata": {"generation": generation}, "status": status}


def test_a_database_is_ready_when_exactly_this_generation_was_applied():
    assert not_ready(database(applied=True, observedGeneration=1)) is None
    assert not_ready(database(2, applied=True, observedGeneration=1))
    assert not_ready({"kind": "Database", "metadata": {"generation": 1}})


def test_what_the_operator_says_of_a_database_is_passed_on():
    broken = [{"name": "vchord", "applied": False, "message": "library not found"}, {"name": "cube", "applied": True}]
    reason = not_ready(database(applied=False, observedGeneration=1, message="1 extension failed", extensions=broken)).why
    assert reason == "1 extension failed; extension vchord: library not found"


def test_jobs_and_certificates():
    def conditions(kind, *states):
        return {"kind": kind, "metadata": {}, "status": {"conditions": [{"type": name, "status": status, "message": "why"} for name, status in states]}}

    assert not_ready(conditions("Job", ("Complete", "True"))) is None
    assert not_ready(conditions("Job", ("Failed", "True"))).hopeless
    assert not_ready(conditions("Job"))
    assert not_ready(conditions("Certificate", ("Ready", "True"))) is None
    assert not_ready(conditions("Certificate", ("Ready", "False"))).why == "why"
    assert not_ready(conditions("Certificate"))


def test_what_has_nothing_to_wait_for_is_ready():
    assert not_ready({"kind": "ConfigMap", "metadata": {}}) is None


@pytest.mark.parametrize(("kind", "condition"), [("ExternalSecret", "Ready"), ("OnePasswordItem", "Ready"), ("SealedSecret", "Synced")])
def test_a_secret_that_a_controller_makes_is_waited_for(kind, condition):
    def live(**found):
        return {"kind": kind, "metadata": {"name": "immich-cache"}, "status": {"conditions": [{"type": condition, **found}] if found else []}}

    assert not_ready(live(status="True")) is None
    assert not_ready(live(status="False", message="no such item")).why == "no such item"
    assert not_ready(live(status="False", reason="SecretSyncedError")).why == "its Secret is not made (SecretSyncedError)"
    assert "is its operator running?" in not_ready(live()).why


@pytest.mark.parametrize(("phase", "why"), [("Ready", None), ("ready", None), ("Configuring", "its phase is Configuring"), ("", "is it running?")])
def test_a_dragonfly_is_waited_for(phase, why):
    found = not_ready({"kind": "Dragonfly", "metadata": {"name": "immich-dragonfly"}, "status": {"phase": phase} if phase else {}})
    assert found is None if why is None else why in found.why


def route(*reports, parents=({"namespace": "network", "name": "public", "sectionName": "https"},)):
    return {
        "kind": "HTTPRoute",
        "metadata": {"name": "immich-server", "namespace": "immich", "generation": 2},
        "spec": {"hostnames": ["photos.example.net"], "parentRefs": list(parents)},
        "status": {"parents": list(reports)},
    }


def report(accepted="True", resolved="True", reason="Accepted", message="", generation=2, **parent):
    place = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "network", "name": "public", "sectionName": "https", **parent}
    conditions = [
        {"type": "Accepted", "status": accepted, "reason": reason, "message": message, "observedGeneration": generation},
        {"type": "ResolvedRefs", "status": resolved, "reason": reason, "message": message, "observedGeneration": generation},
    ]
    return {"parentRef": {name: value for name, value in place.items() if value}, "controllerName": "example.net/gateway", "conditions": conditions}


def test_a_route_that_every_gateway_took_is_ready():
    assert not_ready(route(report())) is None
    second = {"namespace": "network", "name": "tailscale"}
    assert not_ready(route(report(), report(name="tailscale", sectionName=""), parents=[*route()["spec"]["parentRefs"], second])) is None


@pytest.mark.parametrize(
    ("reports", "why", "hopeless"),
    [
        ([], "not yet looked at by the controller of Gateway network/public; is it running?", False),
        ([report(generation=1)], "not yet looked at", False),
        ([report(name="other")], "not yet looked at", False),
        ([report("False", reason="NotAllowedByListeners")], "Gateway network/public lets no route from namespace immich in; allow it in allowedRoutes", True),
        ([report("False", reason="NoMatchingListenerHostname")], "Gateway network/public has no listener for photos.example.net; give it one", True),
        ([report("False", reason="NoMatchingParent")], "Gateway network/public has no listener called https; correct gateways", True),
        ([report("False", reason="UnsupportedValue", message="no timeouts")], "Gateway network/public does not take it: no timeouts", False),
        ([report(resolved="False", reason="BackendNotFound", message="no Service")], "Gateway network/public does not take it: no Service", False),
    ],
)
def test_a_route_that_a_gateway_did_not_take_says_why(reports, why, hopeless):
    found = not_ready(route(*reports))
    assert why in found.why and found.hopeless is hopeless


def test_a_gateway_that_does_not_exist_is_not_waited_for():
    found = not_ready(route(), missing=["network/public"])
    assert found.hopeless and found.why.startswith("Gateway network/public does not exist; correct gateways in immich_ingress")


def test_a_policy_that_cilium_cannot_read_is_told():
    live = {"kind": "CiliumNetworkPolicy", "metadata": {"name": "immich-server"}, "status": {}}
    assert not_ready(live) is None
    live["status"] = {"conditions": [{"type": "Valid", "status": "False", "message": "bad port"}]}
    assert not_ready(live).hopeless and "bad port" in not_ready(live).why


def test_volsync_has_to_take_a_volume_up_and_nobody_waits_for_its_first_backup():
    def live(**found):
        return {"kind": "ReplicationSource", "metadata": {}, "status": {"conditions": [{"type": "Synchronizing", **found}] if found else []}}

    assert not_ready(live(status="True", reason="SyncInProgress")) is None
    assert not_ready(live(status="False", reason="Error", message="secret should have fields")).why == "secret should have fields"
    assert "is its operator running?" in not_ready(live()).why
