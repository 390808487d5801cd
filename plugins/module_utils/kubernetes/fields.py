# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who set which field (metadata.managedFields), and how a hand edit is put right.

Server-side apply leaves a field alone that somebody else added. A variable added with C(kubectl edit) would stay for ever. So what tools of
human hands hold of an object of ours is taken over before it is applied: what is ours and no longer declared goes away.
Controllers (autoscalers, the volume binder, injectors) keep what they hold; C(kubectl rollout restart), C(label) and C(annotate) too.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import FIELD_MANAGER
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object

HANDS = re.compile(
    r"kubectl(?!-(rollout|label|annotate|scale|autoscale)$)(-.*)?|k9s|lens|openlens|freelens|headlamp|dashboard(-api)?|rancher"
    r"|mozilla|node-fetch|curl|python-requests|openapi-generator",
    re.IGNORECASE,
)
DEPLOYERS = re.compile(r"helm.*|argocd.*|kustomize-controller|flux.*|before-first-apply|terraform.*|hashicorp|pulumi.*|homelab\.immich", re.IGNORECASE)


def managed(live: Object) -> list[dict[str, Any]]:
    """The entries of metadata.managedFields."""
    return live["metadata"].get("managedFields") or []


def takeable(entry: dict[str, Any], also_deployers: bool) -> bool:
    """Whether what this entry holds may be taken: a person's edit, or, when an object is taken over, another deployer's work."""
    if entry.get("subresource") or is_ours(entry):
        return False
    manager = entry.get("manager", "").partition("/")[0]
    return bool(HANDS.fullmatch(manager)) or (also_deployers and bool(DEPLOYERS.fullmatch(manager)))


def is_ours(entry: dict[str, Any]) -> bool:
    """Whether it is the entry of our server-side apply."""
    return entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")


def union(*sets: dict[str, Any]) -> dict[str, Any]:
    """The union of sets of fields (fieldsV1)."""
    result: dict[str, Any] = {}
    for fields in sets:
        for name, below in fields.items():
            result[name] = union(result.get(name, {}), below)
    return result


def ours(live: Object) -> dict[str, Any]:
    """The fields that our server-side apply holds."""
    return union(*(entry.get("fieldsV1") or {} for entry in managed(live) if is_ours(entry)))


def taken(live: Object, also_deployers: bool) -> list[dict[str, Any]]:
    """managedFields of the object once everything takeable is ours."""
    rest = [entry for entry in managed(live) if not takeable(entry, also_deployers) and not is_ours(entry)]
    mine = [entry for entry in managed(live) if is_ours(entry)]
    others = [entry for entry in managed(live) if takeable(entry, also_deployers)]
    sample = (mine or others)[0]
    fields = union(*(entry.get("fieldsV1") or {} for entry in mine + others))
    return [*rest, {"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": sample["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": fields}]


def without_taken(live: Object, applied: Object, also_deployers: bool) -> Object:
    """C(applied), the result of a dry run, less the fields that only takeable managers hold: what a takeover and an apply would leave."""
    held = union(*(entry.get("fieldsV1") or {} for entry in managed(live) if takeable(entry, also_deployers)))
    kept = union(*(entry.get("fieldsV1") or {} for entry in managed(applied) if not takeable(entry, also_deployers)))
    result = copy.deepcopy(applied)
    _remove(result, held, kept)
    return result


def _remove(value: Any, held: dict[str, Any], kept: dict[str, Any]) -> None:
    """Remove from C(value) what is held and not kept."""
    for name, below in held.items():
        if name == "." or not (found := _find(value, name)):
            continue
        place, child = found
        if name not in kept and (not below or "." in below):
            del value[place]
            continue
        _remove(child, {key: item for key, item in below.items() if key != "."}, kept.get(name, {}))
        if name not in kept and child in ({}, []):
            del value[place]


def _find(value: Any, name: str) -> tuple[Any, Any] | None:
    """Where in C(value) a field of fieldsV1 is: f:<field>, k:<keys of a list item>, v:<item of a set>, i:<index>."""
    sort, _colon, text = name.partition(":")
    if sort == "f" and isinstance(value, dict) and text in value:
        return text, value[text]
    if not isinstance(value, list):
        return None
    for place, item in enumerate(value):
        if sort == "v" and item == json.loads(text) or sort == "i" and place == int(text):
            return place, item
        # A key that the object leaves out has its default in fieldsV1 (protocol: TCP).
        if sort == "k" and isinstance(item, dict) and all(item.get(field, wanted) == wanted for field, wanted in json.loads(text).items()):
            return place, item
    return None
