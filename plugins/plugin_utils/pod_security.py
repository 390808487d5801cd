# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pod Security level that admits the pods of a namespace and not much more. Pure functions of rendered objects.

The levels and what they ask are those of https://kubernetes.io/docs/concepts/security/pod-security-standards/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LABEL = "pod-security.kubernetes.io/enforce"
COMPUTED = "computed"  # what a template writes in the place of a level
LEVELS = ("restricted", "baseline", "privileged")  # from the strictest on

_BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_RESTRICTED_VOLUMES = frozenset({"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"})
_PROFILES = ("RuntimeDefault", "Localhost")
# operators whose pods are what their objects say, and this level where they say nothing; those of CloudNativePG and cert-manager are restricted
_OPERATORS = {"Dragonfly": "baseline", "ReplicationSource": "baseline"}


def state(objects: list[dict[str, Any]], everything: Iterable[dict[str, Any]]) -> None:
    """Write the level that fits everything into the Namespaces among the objects that leave it to us."""
    every = list(everything)
    for item in objects:
        labels = item["metadata"].get("labels") or {}
        if item["kind"] == "Namespace" and labels.get(LABEL) == COMPUTED:
            labels[LABEL] = level(other for other in every if other["metadata"].get("namespace") == item["metadata"]["name"])


def level(objects: Iterable[Mapping[str, Any]]) -> str:
    """The strictest level at which all pods of these objects are admitted."""
    every = list(objects)
    needed = [_OPERATORS[item["kind"]] for item in every if item["kind"] in _OPERATORS and not _told(item)]
    needed += [_of(pod) for item in every for pod in _pods(item)]
    needed += ["baseline" for item in every if item["kind"] == "ReplicationSource" and _mounts_nfs(item)]
    return max(needed, key=LEVELS.index, default=LEVELS[0])


def _told(item: Mapping[str, Any]) -> bool:
    """Whether the object itself says that its pods do not run as root."""
    spec = item.get("spec") or {}
    mover = next((value["moverSecurityContext"] for value in spec.values() if isinstance(value, Mapping) and "moverSecurityContext" in value), None)
    context = mover or spec.get("podSecurityContext") or {}
    profile = (context.get("seccompProfile") or {}).get("type")
    container = item["kind"] == "ReplicationSource" or _restricted_container(spec.get("containerSecurityContext") or {}, context)
    return context.get("runAsNonRoot") is True and profile in _PROFILES and container


def _mounts_nfs(item: Mapping[str, Any]) -> bool:
    """Whether a mover has its repository on an export, which it mounts without a claim; `restricted` admits no such volume."""
    movers = [value for value in (item.get("spec") or {}).values() if isinstance(value, Mapping)]
    return any((volume.get("volumeSource") or {}).get("nfs") for mover in movers for volume in mover.get("moverVolumes") or [])


def _pods(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The pods that an object makes."""
    spec = item.get("spec") or {}
    if item["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if item["kind"] in ("CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet"):
        yield spec["template"]["spec"]
    elif item["kind"] == "Pod":
        yield spec


def _of(pod: Mapping[str, Any]) -> str:
    """The strictest level at which a pod is admitted."""
    context = pod.get("securityContext") or {}
    containers = [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]
    own = [container.get("securityContext") or {} for container in containers]
    volumes = [next((kind for kind in volume if kind != "name"), "emptyDir") for volume in pod.get("volumes") or []]
    if (
        any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
        or "hostPath" in volumes
        or any(port.get("hostPort") for container in containers for port in container.get("ports") or [])
        or any(_beyond_baseline(one) for one in [context, *own])
    ):
        return "privileged"
    restricted = set(volumes) <= _RESTRICTED_VOLUMES and context.get("runAsUser") != 0 and all(_restricted_container(one, context) for one in own)
    return "restricted" if restricted else "baseline"


def _beyond_baseline(context: Mapping[str, Any]) -> bool:
    profiles = [(context.get(name) or {}).get("type") for name in ("seccompProfile", "appArmorProfile")]
    added = set((context.get("capabilities") or {}).get("add") or [])
    return (
        bool(context.get("privileged"))
        or "Unconfined" in profiles
        or not added <= _BASELINE_CAPABILITIES
        or context.get("procMount", "Default") != "Default"
        or bool(context.get("sysctls"))
    )


def _restricted_container(context: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    capabilities = context.get("capabilities") or {}
    profile = context.get("seccompProfile") or pod.get("seccompProfile") or {}
    return (
        context.get("allowPrivilegeEscalation") is False
        and "ALL" in (capabilities.get("drop") or [])
        and set(capabilities.get("add") or []) <= {"NET_BIND_SERVICE"}
        and context.get("runAsNonRoot", pod.get("runAsNonRoot")) is True
        and context.get("runAsUser") != 0
        and profile.get("type") in _PROFILES
    )
