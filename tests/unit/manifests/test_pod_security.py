# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pod Security level of the namespace admits what runs in it, and not much more."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils import pod_security

Render = Callable[..., Any]
LABEL = "pod-security.kubernetes.io/enforce"


def level(render: Render, **changes: Any) -> str:
    return render("deliver", **changes).one("Namespace", "immich")["metadata"]["labels"][LABEL]


def test_pods_with_a_user_of_their_own_are_restricted(render: Render) -> None:
    assert level(render) == "restricted"


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"immich_run_as": None}, "baseline"),  # as root
        ({"immich_cache_provider": "dragonfly"}, "baseline"),
        ({"immich_server_acceleration": "vaapi"}, "privileged"),
        ({"immich_machine_learning_acceleration": "rocm"}, "privileged"),
        ({"immich_workers": "split", "immich_server_acceleration": "vaapi"}, "privileged"),
        ({"immich_server_acceleration": "qsv", "immich_server_device": "plugin"}, "restricted"),
        ({"immich_server_acceleration": "qsv", "immich_server_device": "dra"}, "restricted"),
        ({"immich_server_acceleration": "nvenc", "immich_machine_learning_acceleration": "cuda"}, "restricted"),
        ({"immich_settings_owner": "file"}, "restricted"),
        ({"immich_machine_learning_enabled": False, "immich_machine_learning_acceleration": "rocm"}, "restricted"),
    ],
)
def test_the_level_follows_what_the_pods_need(render: Render, changes: dict[str, Any], wanted: str) -> None:
    assert level(render, **changes) == wanted


def test_it_is_the_same_whichever_roles_are_rendered(render: Render) -> None:
    from ansible_collections.homelab.immich.plugins.plugin_utils.manifests import ROLES

    changes = {"immich_server_acceleration": "vaapi"}
    every = render(*ROLES, **changes).one("Namespace", "immich")["metadata"]["labels"][LABEL]
    assert every == level(render, **changes) == "privileged"


def test_a_patch_counts_and_a_level_of_ones_own_stays(render: Render) -> None:
    path = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    assert level(render, immich_patches=[{"kind": "Deployment", "name": "immich-server", "patch": path}]) == "privileged"
    own = {"metadata": {"labels": {LABEL: "baseline"}}}
    assert level(render, immich_patches=[{"kind": "Namespace", "name": "immich", "patch": own}]) == "baseline"


GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{"name": "a", "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}],
    "volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "a"}}, {"name": "b", "emptyDir": {}}, {"name": "c"}],
}


def spoilt(*path: Any, value: Any) -> dict[str, Any]:
    pod: Any = copy.deepcopy(GOOD)
    place = pod
    for key in path[:-1]:
        place = place[key] if isinstance(place, list) else place.setdefault(key, {})
    place[path[-1]] = value
    return {"kind": "Deployment", "spec": {"template": {"spec": pod}}}


IN_CONTAINER = ("containers", 0, "securityContext")


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        (spoilt("restartPolicy", value="Always"), "restricted"),
        (spoilt("securityContext", "runAsNonRoot", value=False), "baseline"),
        (spoilt("securityContext", "runAsUser", value=0), "baseline"),
        (spoilt("securityContext", "seccompProfile", value={"type": "Unconfined"}), "privileged"),
        (spoilt("securityContext", "seccompProfile", value={}), "baseline"),
        (spoilt("securityContext", "sysctls", value=[{"name": "kernel.msgmax", "value": "1"}]), "privileged"),
        (spoilt(*IN_CONTAINER, "allowPrivilegeEscalation", value=True), "baseline"),
        (spoilt(*IN_CONTAINER, "capabilities", value={"drop": ["NET_RAW"]}), "baseline"),
        (spoilt(*IN_CONTAINER, "capabilities", value={"drop": ["ALL"], "add": ["CHOWN"]}), "baseline"),
        (spoilt(*IN_CONTAINER, "capabilities", value={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}), "restricted"),
        (spoilt(*IN_CONTAINER, "capabilities", value={"add": ["SYS_ADMIN"]}), "privileged"),
        (spoilt(*IN_CONTAINER, "privileged", value=True), "privileged"),
        (spoilt(*IN_CONTAINER, "procMount", value="Unmasked"), "privileged"),
        (spoilt("hostNetwork", value=True), "privileged"),
        (spoilt("containers", 0, "ports", value=[{"hostPort": 80}]), "privileged"),
        (spoilt("volumes", 0, value={"name": "d", "hostPath": {"path": "/dev/dri"}}), "privileged"),
        (spoilt("volumes", 0, value={"name": "d", "nfs": {"server": "a", "path": "/"}}), "baseline"),
        (spoilt("initContainers", value=[{"name": "b"}]), "baseline"),
    ],
)
def test_a_pod_is_judged_as_kubernetes_does(item: dict[str, Any], wanted: str) -> None:
    assert pod_security.level([item]) == wanted
    assert pod_security.level([{"kind": "CronJob", "spec": {"jobTemplate": {"spec": item["spec"]}}}]) == wanted
    assert pod_security.level([{"kind": "Pod", "spec": item["spec"]["template"]["spec"]}]) == wanted


def test_pods_of_operators_are_what_their_objects_say() -> None:
    mover = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    assert pod_security.level([{"kind": "ReplicationSource", "spec": {"restic": {"moverSecurityContext": mover}}}]) == "restricted"
    assert pod_security.level([{"kind": "ReplicationSource", "spec": {"restic": {}}}]) == "baseline"
    assert pod_security.level([]) == "restricted"
