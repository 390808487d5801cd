# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supplemental groups that patches give to the pods."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.pod_groups import groups_of

CONTEXT = "/spec/template/spec/securityContext"


def patched(patch: Any, name: str = "immich-server") -> dict[str, Any]:
    return {"kind": "Deployment", "name": name, "patch": patch}


@pytest.mark.parametrize(
    ("patch", "groups"),
    [
        ({"spec": {"template": {"spec": {"securityContext": {"supplementalGroups": [44, 100], "fsGroup": 7}}}}}, [7, 44, 100]),
        ([{"op": "add", "path": CONTEXT, "value": {"supplementalGroups": [100]}}], [100]),
        ([{"op": "add", "path": f"{CONTEXT}/supplementalGroups", "value": [100]}], [100]),
        ([{"op": "add", "path": f"{CONTEXT}/supplementalGroups/-", "value": 100}], [100]),
        ([{"op": "replace", "path": f"{CONTEXT}/fsGroup", "value": 100}], [100]),
        ([{"op": "remove", "path": f"{CONTEXT}/fsGroup"}], []),
        ({"spec": {"replicas": 2}}, []),
    ],
)
def test_both_kinds_of_patch(patch, groups):
    assert groups_of({"immich_patches": [patched(patch)]}, ["server"]) == groups


def test_only_what_all_pods_of_a_volume_have():
    groups = {"spec": {"template": {"spec": {"securityContext": {"supplementalGroups": [100]}}}}}
    instance = {"immich_name": "photos", "immich_patches": [patched(groups, "photos-server"), patched(groups, "immich-machine-learning")]}
    assert groups_of(instance, ["server"]) == [100]
    assert groups_of(instance, ["server", "machine-learning"]) == []
