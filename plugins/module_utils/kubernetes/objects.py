# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about Kubernetes objects: how they are called, whose they are, what a person may see of them."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Any

from ansible.module_utils.common.yaml import yaml_dump

Object = dict[str, Any]

MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "homelab.immich/instance"
GENERATE = "homelab.immich/generate"
EXISTING = "homelab.immich/existing"
COPY = "homelab.immich/copy-of"
INITIAL = "homelab.immich/initial"
US = "homelab.immich"

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SERVER_SIDE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
SECRET_NAME = re.compile(r"pass(word|phrase)|secret|token|api_?key|credential", re.IGNORECASE)
ADDRESS_NAME = re.compile(r"(_url|_uri|dsn)$", re.IGNORECASE)
# user, or user:password whatever is in it: better too much hidden than half a password shown
USERINFO = re.compile(r'://(?:[^\s"/?#]+|[^\s"/?#:@]*:[^\s"]*)@')
ENCODED = "ioredis://"  # Immich's REDIS_URL in base64, password and all
UNITS = {"": 1, "m": 10**-3, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
UNITS |= {f"{unit}i": 1024 ** (index + 1) for index, unit in enumerate("KMGTPE")}


def short(live: Object) -> str:
    """Kind/name, as immich_take_over has it."""
    return f"{live['kind']}/{live['metadata']['name']}"


def title(live: Object) -> str:
    """Kind, namespace and name, as a person reads them."""
    meta = live["metadata"]
    return f"{live['kind']} {meta['namespace']}/{meta['name']}" if meta.get("namespace") else f"{live['kind']} {meta['name']}"


def steps(texts: list[str]) -> str:
    """What a person has to do, numbered, each on a line of its own."""
    return "".join(f"\n  {number}. {text}" for number, text in enumerate(texts, 1))


def key(live: Object) -> tuple[str, str, str, str]:
    """What tells one object from another: group, kind, namespace, name (the version of its API may change)."""
    meta = live["metadata"]
    return live["apiVersion"].rpartition("/")[0], live["kind"], meta.get("namespace", ""), meta["name"]


def labels(live: Object) -> dict[str, str]:
    """The labels, if any."""
    return live["metadata"].get("labels") or {}


def annotations(live: Object) -> dict[str, str]:
    """The annotations, if any."""
    return live["metadata"].get("annotations") or {}


def selector(instance: str) -> str:
    """The label selector of everything that this collection made for an instance."""
    return f"{MANAGED_BY}={US},{INSTANCE}={instance}"


def owner(live: Object, instance: str) -> str:
    """Who else the object belongs to, in words; empty when it is this instance's own."""
    marks, notes = labels(live), annotations(live)
    argo = notes.get("argocd.argoproj.io/tracking-id", "").partition(":")[0] or marks.get("argocd.argoproj.io/instance")
    if argo:
        return f"Argo CD (application {argo})"
    for toolkit, kind in (("kustomize", "Kustomization"), ("helm", "HelmRelease")):
        if f"{toolkit}.toolkit.fluxcd.io/name" in marks:
            return f"Flux ({kind} {marks.get(f'{toolkit}.toolkit.fluxcd.io/namespace', '')}/{marks[f'{toolkit}.toolkit.fluxcd.io/name']})"
    if marks.get(MANAGED_BY) == "Helm" or "meta.helm.sh/release-name" in notes:
        return f"Helm (release {notes.get('meta.helm.sh/release-name', 'unknown')})"
    for reference in live["metadata"].get("ownerReferences") or []:
        return f"its controller ({reference['kind']} {reference['name']})"
    # a label that somebody took away is a drift: that we applied the object is written down in it
    applied = any(entry.get("manager") == US and entry.get("operation") == "Apply" for entry in live["metadata"].get("managedFields") or [])
    if marks.get(MANAGED_BY) != US and not applied:
        return "somebody else (it carries no label of homelab.immich)"
    if marks.get(INSTANCE) != instance and (INSTANCE in marks or not applied):
        return f"another instance of this collection ({marks.get(INSTANCE, 'unnamed')})"
    return ""


def comparable(live: Object) -> Object:
    """The object without what the API server keeps in it for itself."""
    meta = {name: value for name, value in live["metadata"].items() if name not in SERVER_SIDE}
    return {**{name: value for name, value in live.items() if name != "status"}, "metadata": meta}


def presentable(part: Object, kind: str, hidden: str = "(hidden)") -> Object:
    """An object, or the part of one that differs, as a person may see it: no value of a Secret, none of a variable that is one, no user of a URL."""
    shown = _without_secret_variables(part, hidden)
    notes = (shown.get("metadata") or {}).get("annotations") or {}
    if LAST_APPLIED in notes:  # kubectl's copy of the whole object
        shown["metadata"] = {**shown["metadata"], "annotations": {**notes, LAST_APPLIED: hidden}}
    if kind == "Secret":
        shown |= {name: dict.fromkeys(part[name], hidden) for name in ("data", "stringData") if part.get(name)}
    if part.get("binaryData"):  # of a ConfigMap; nobody reads it, and its digest says whether it is another
        shown["binaryData"] = {name: f"sha256 {hashlib.sha256(value.encode()).hexdigest()[:12]}" for name, value in part["binaryData"].items()}
    return shown


def _without_secret_variables(value: Any, hidden: str) -> Any:
    if isinstance(value, list):
        return [_without_secret_variables(item, hidden) for item in value]
    if isinstance(value, str):
        return without_userinfo(value, hidden)
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("name"), str) and isinstance(value.get("value"), str) and _is_secret(value["name"], value["value"]):
        return {**value, "value": hidden}
    return {name: _without_secret_variables(item, hidden) for name, item in value.items()}


def _is_secret(name: str, value: str) -> bool:
    if SECRET_NAME.search(name) or value.startswith(ENCODED):
        return True
    return bool(ADDRESS_NAME.search(name) and (USERINFO.search(value) or SECRET_NAME.search(value)))


def without_userinfo(text: str, hidden: str = "(hidden)") -> str:
    """A text in which no URL says as whom to log in."""
    return USERINFO.sub(f"://{hidden}@", text)


def difference(before: Any, after: Any) -> tuple[Any, Any]:
    """Only what differs, on both sides. Lists of named things (containers, variables, ports) are compared by name."""
    if isinstance(before, dict) and isinstance(after, dict):
        left, right = {}, {}
        for name in [*before, *(name for name in after if name not in before)]:
            if name not in after:
                left[name] = before[name]
            elif name not in before:
                right[name] = after[name]
            elif before[name] != after[name]:
                for side, whole, part in zip((left, right), (before[name], after[name]), difference(before[name], after[name]), strict=True):
                    if part not in ({}, []) or whole in ({}, []):  # a side of which nothing differs is not shown as empty
                        side[name] = part
        return left, right
    by_name = _by_name(before), _by_name(after)
    if by_name[0] is not None and by_name[1] is not None:
        left, right = difference(*by_name)
        return [{"name": name, **item} for name, item in left.items()], [{"name": name, **item} for name, item in right.items()]
    return before, after


def _by_name(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, list) or not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in value):
        return None
    named = {item["name"]: item for item in value}
    return named if len(named) == len(value) else None


def quantity(text: Any) -> float:
    """A Kubernetes quantity such as 1Ti as a number of bytes."""
    match = re.fullmatch(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)", str(text).strip())
    if not match or match[2] not in UNITS:
        raise ValueError(f"{text} is not a quantity")
    return float(match[1]) * UNITS[match[2]]


def yaml_text(value: Any) -> str:
    """YAML for a person; nothing at all for what does not exist."""
    return yaml_dump(value, Dumper=_dumper(), default_flow_style=False, sort_keys=False, allow_unicode=True, width=160) if value else ""


@functools.cache
def _dumper() -> Any:
    """Write a text of several lines as such: a file in a ConfigMap can be read, and compared line by line."""
    readable = type("Readable", (yaml_dump.keywords["Dumper"],), {})
    readable.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text.strip() else None))
    return readable
