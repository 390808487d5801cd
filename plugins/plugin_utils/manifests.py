# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects between a template and the cluster: parse, complete, patch. Pure functions."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

# every role whose templates make objects, in the order in which a first run needs them
ROLES = ("deliver", "secrets", "storage", "database", "cache", "workloads", "network_policy", "ingress", "schedules", "backup", "monitoring")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# A namespace on one of these is an error of the API server.
CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CSIDriver",
        "ClusterExternalSecret",
        "ClusterImageCatalog",
        "ClusterIssuer",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterSecretStore",
        "CustomResourceDefinition",
        "DeviceClass",
        "GatewayClass",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "VolumeSnapshotClass",
        "VolumeSnapshotContent",
    }
)

Object = dict[str, Any]


class ManifestError(ValueError):
    """Something is wrong with an object or a patch; the message is one sentence."""


def parse(text: str, source: str) -> list[Object]:
    """Read the objects that a template has rendered to. Text without an object is no objects."""
    try:
        # bytes: the text is Ansible's tagged string, which PyYAML's C loader does not take for one
        documents = [document for document in yaml.load_all(text.encode(), Loader=_LOADER) if document is not None]
    except yaml.MarkedYAMLError as error:
        # the text itself is not shown: it can hold what a user put into an environment variable
        line = f", line {error.problem_mark.line + 1} of what it renders to" if error.problem_mark else ""
        raise ManifestError(f"{source}{line}: {error.problem}. Put the value through to_json.") from None
    for document in documents:
        if not isinstance(document, dict) or not document.get("apiVersion") or not document.get("kind") or not (document.get("metadata") or {}).get("name"):
            raise ManifestError(f"{source} renders to something that is no Kubernetes object. Give it apiVersion, kind and metadata.name.")
    return documents


def complete(objects: Iterable[Object], namespace: str, labels: Mapping[str, str]) -> None:
    """Add the namespace and the common labels where an object does not have its own."""
    for item in objects:
        metadata = {"name": item["metadata"]["name"]}
        if item["kind"] not in CLUSTER_SCOPED:
            metadata["namespace"] = namespace
        own = item["metadata"].get("labels") or {}
        item["metadata"] = metadata | item["metadata"] | {"labels": own | {key: value for key, value in labels.items() if key not in own}}


def patch(objects: list[Object], patches: Iterable[Mapping[str, Any]]) -> list[int]:
    """Apply the patches to the objects they name. Returns the indexes of those that name no object."""
    unused = []
    for index, wanted in enumerate(patches):
        if missing := [key for key in ("kind", "name", "patch") if key not in wanted]:
            raise ManifestError(f"immich_patches[{index}] has no {' and no '.join(missing)}. Give it kind, name and patch.")
        matches = [position for position, item in enumerate(objects) if (item["kind"], item["metadata"]["name"]) == (wanted["kind"], wanted["name"])]
        for position in matches:
            try:
                patched = _patched(objects[position], wanted["patch"])
                if _identity(patched) != _identity(objects[position]):
                    raise ManifestError("the patch makes another object of it. Leave apiVersion, kind, name and namespace as they are.")
                objects[position] = patched
            except ManifestError as error:
                raise ManifestError(f"immich_patches[{index}] ({wanted['kind']} {wanted['name']}): {error}") from error
        if not matches:
            unused.append(index)
    return unused


def refuse_duplicates(objects: Iterable[Object]) -> None:
    """Two objects of one name would overwrite each other in turn."""
    seen = Counter((item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects)
    for (kind, namespace, name), count in seen.items():
        if count > 1:
            where = f" in namespace {namespace}" if namespace else ""
            raise ManifestError(f"{kind} {name}{where} is rendered {count} times. Give each object a name of its own.")


def _identity(item: Object) -> tuple[Any, ...]:
    metadata = item.get("metadata") or {}
    return item.get("apiVersion"), item.get("kind"), metadata.get("name"), metadata.get("namespace")


def _patched(item: Object, change: Any) -> Object:
    if isinstance(change, Mapping):
        return merge_patch(item, change)
    if not isinstance(change, list):
        raise ManifestError(f"patch is a {type(change).__name__}. Use a list (JSON patch, RFC 6902) or a mapping (merge patch, RFC 7386).")
    try:
        import jsonpatch
        import jsonpointer
    except ImportError as error:
        raise ManifestError("a JSON patch needs the Python library jsonpatch. Install requirements.txt of the collection, or use a merge patch.") from error
    try:
        return jsonpatch.apply_patch(item, change)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise ManifestError(f"the JSON patch does not fit: {error}. Compare its paths with the object as it is rendered.") from error


def merge_patch(target: Any, change: Any) -> Any:
    """Merge as RFC 7386 says: mappings merge, null removes, everything else replaces."""
    if not isinstance(change, Mapping):
        return copy.deepcopy(change)
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
