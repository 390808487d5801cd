# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects between a template and the cluster: parsed, completed, patched."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils import manifests


def deployment(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "server", **metadata}, "spec": {"replicas": 1, "paused": True}}


def test_text_without_an_object_is_no_object() -> None:
    assert manifests.parse("", "t") == []
    assert manifests.parse("\n---\n# a comment\n---\n", "t") == []


def test_broken_yaml_names_the_template_and_not_the_value() -> None:
    with pytest.raises(manifests.ManifestError, match=r"roles/x/templates/y\.yaml\.j2, line 2 of what it renders to: mapping values") as failure:
        manifests.parse("a: 1\nb: my: hunter2\n", "roles/x/templates/y.yaml.j2")
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("text", ["- a\n", "a: 1\n", "apiVersion: v1\nkind: Secret\n", "apiVersion: v1\nkind: Secret\nmetadata: {}\n"])
def test_something_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(manifests.ManifestError, match="no Kubernetes object"):
        manifests.parse(text, "t")


def test_namespace_and_labels_are_added_where_unset() -> None:
    objects = [deployment(), deployment(namespace="other", labels={"a": "mine", "c": "3"})]
    manifests.complete(objects, "immich", {"a": "1", "b": "2"})
    assert objects[0]["metadata"] == {"name": "server", "namespace": "immich", "labels": {"a": "1", "b": "2"}}
    assert objects[1]["metadata"] == {"name": "server", "namespace": "other", "labels": {"a": "mine", "b": "2", "c": "3"}}


@pytest.mark.parametrize("kind", ["Namespace", "PersistentVolume", "StorageClass", "ClusterRole"])
def test_a_cluster_scoped_object_gets_no_namespace(kind: str) -> None:
    item = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}}
    manifests.complete([item], "immich", {"a": "1"})
    assert item["metadata"] == {"name": "x", "labels": {"a": "1"}}


def test_a_merge_patch_merges_removes_and_replaces() -> None:
    objects = [deployment()]
    change = {"spec": {"paused": None, "replicas": 2, "template": {"spec": {"hostNetwork": True}}}}
    assert manifests.patch(objects, [{"kind": "Deployment", "name": "server", "patch": change}]) == []
    assert objects[0]["spec"] == {"replicas": 2, "template": {"spec": {"hostNetwork": True}}}


def test_a_json_patch_is_applied() -> None:
    objects = [deployment()]
    change = [{"op": "replace", "path": "/spec/replicas", "value": 0}, {"op": "remove", "path": "/spec/paused"}]
    assert manifests.patch(objects, [{"kind": "Deployment", "name": "server", "patch": change}]) == []
    assert objects[0]["spec"] == {"replicas": 0}


@pytest.mark.parametrize(
    "change",
    [
        [{"op": "remove", "path": "/spec/nothing"}],
        [{"op": "replace", "path": "/nowhere/at/all", "value": 1}],
        [{"op": "frobnicate", "path": "/spec"}],
        [{"path": "/spec"}],
        ["spec"],
        "spec",
    ],
)
def test_a_patch_that_does_not_fit_names_itself(change: Any) -> None:
    with pytest.raises(manifests.ManifestError, match=r"immich_patches\[1\] \(Deployment server\)"):
        manifests.patch([deployment()], [{"kind": "Deployment", "name": "server", "patch": {}}, {"kind": "Deployment", "name": "server", "patch": change}])


def test_half_a_patch_is_refused() -> None:
    with pytest.raises(manifests.ManifestError, match=r"immich_patches\[0\] has no name and no patch"):
        manifests.patch([deployment()], [{"kind": "Deployment"}])


def test_a_patch_that_names_no_object_is_told() -> None:
    assert manifests.patch([deployment()], [{"kind": "Service", "name": "server", "patch": {}}]) == [0]


def test_two_objects_of_one_name_are_refused() -> None:
    objects = [deployment(namespace="a"), deployment(namespace="b")]
    manifests.refuse_duplicates(objects)
    with pytest.raises(manifests.ManifestError, match="Deployment server in namespace a is rendered 2 times"):
        manifests.refuse_duplicates([*objects, deployment(namespace="a")])
