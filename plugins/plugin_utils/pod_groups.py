# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Supplemental groups of the pods: those of their devices, and what `immich_patches` says. Pure functions, for preflight and for the nas role."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_KEYS = ("supplementalGroups", "fsGroup")


def groups_of(instance: Mapping[str, Any], pods: Iterable[str]) -> list[int]:
    """The supplemental groups that all of these pods (server, machine-learning) have; `instance` are the variables of a host."""
    name = instance.get("immich_name") or "immich"
    each = [_of_device(instance, pod) | set(_patched(instance.get("immich_patches") or [], f"{name}-{pod}")) for pod in pods]
    return sorted(set.intersection(*each)) if each else []


def fs_groups_of(instance: Mapping[str, Any], pod: str) -> list[int]:
    """What patches make the fsGroup of a pod."""
    return sorted(set(_patched(instance.get("immich_patches") or [], f"{instance.get('immich_name') or 'immich'}-{pod}", ("fsGroup",))))


def _of_device(instance: Mapping[str, Any], pod: str) -> set[int]:
    """The groups that own the GPU of a pod."""
    variable = f"immich_{pod.replace('-', '_')}"
    if instance.get(f"{variable}_acceleration", "none") == "none" or pod == "server" and instance.get("immich_workers") == "split":
        return set()  # of split workers only one has the device, and both use the volumes
    return {int(group) for group in instance.get(f"{variable}_device_groups") or []}


def _patched(patches: Iterable[Mapping[str, Any]], deployment: str, keys: tuple[str, ...] = _KEYS) -> Iterator[int]:
    for entry in patches:
        if (entry.get("kind"), entry.get("name")) != ("Deployment", deployment):
            continue
        patch = entry.get("patch")
        for change in [step for step in patch if isinstance(step, Mapping)] if isinstance(patch, list) else [{"value": patch}]:  # RFC 6902, or RFC 7386
            *_above, parent, last = ["", *str(change.get("path") or "/").split("/")]
            key = last if last in keys else parent  # …/supplementalGroups, or …/supplementalGroups/-
            yield from _numbers({key: change["value"]} if key in keys and "value" in change else change.get("value"), keys)


def _numbers(value: Any, keys: tuple[str, ...]) -> Iterator[int]:
    for key, inner in value.items() if isinstance(value, Mapping) else ():
        if key in keys:
            yield from (int(group) for group in (inner if isinstance(inner, list) else [inner]) if str(group).isdecimal())
        else:
            yield from _numbers(inner, keys)
