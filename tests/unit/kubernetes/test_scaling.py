# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What autoscaling needs of a cluster, and workers of two versions."""

from __future__ import annotations

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import identity

from .test_identity import config, found, server, thing, wanted


def node(cpu, memory, **spec):
    return thing("Node", "n", namespace=None, spec=spec, status={"allocatable": {"cpu": cpu, "memory": memory}})


SCALED = {"variable": "immich_server_autoscaling", "scaling": {"min": 1, "max": 3}, "resources": {"requests": {"cpu": "50m", "memory": "4Gi"}}}


def test_autoscaling_that_nothing_measures_is_said():
    [said] = identity.warnings(wanted(autoscaled=[SCALED]), found(measured=False, nodes=[node("4", "32Gi")]))
    assert said == (
        "immich_server_autoscaling has no effect: nothing in this cluster measures the load (it has no API metrics.k8s.io), so there stay 1 of 3 pods."
        " Install metrics-server (https://github.com/kubernetes-sigs/metrics-server)."
    )


def test_pods_for_which_no_node_has_room_are_said():
    nodes = [node("4", "8Gi"), node("4", "64Gi", unschedulable=True)]
    [said] = identity.warnings(wanted(autoscaled=[SCALED]), found(nodes=nodes))
    assert said == (
        "immich_server_autoscaling may ask for 12Gi memory with 3 pods, and the nodes of this cluster have 8Gi altogether: the last ones would stay Pending."
        " Lower max or the request."
    )
    assert identity.warnings(wanted(autoscaled=[SCALED]), found(nodes=[*nodes, node("1", "4Gi")])) == []
    assert identity.warnings(wanted(autoscaled=[SCALED]), found()) == []  # nodes may not be listed


def test_a_worker_of_another_version_counts():
    jobs = server("ghcr.io/immich-app/immich-server:v3.4.0", name="immich-microservices")
    [problem] = identity.versions(wanted(), found(workloads=[server(), jobs], config=config()))
    assert problem.startswith("Immich v3.4.0 runs in namespace immich, and immich_version is v3.3.5")
