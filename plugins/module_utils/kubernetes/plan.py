# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wanted objects to a cluster that has them: read all, refuse or plan all, then write what differs.

The plan is made of reads and server-side dry runs only, in check mode and in a real run alike. So a check shows what a run would do, and an
object that the API server rejects is known before the first write.
"""

from __future__ import annotations

import base64
import copy
import secrets
import string
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import fields, immutable
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client, Resource
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.live import Live
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import (
    COPY,
    EXISTING,
    GENERATE,
    INITIAL,
    Object,
    annotations,
    comparable,
    difference,
    key,
    owner,
    presentable,
    quantity,
    short,
    title,
    without_userinfo,
)
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.operators import INSTALL

ATTEMPTS = 5  # a controller may write an object between our reading and our asking
# Made first, because others need them; the rest keeps the order in which it is given.
FIRST = ("Namespace", "StorageClass", "PersistentVolume", "ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim")


class Refused(Exception):
    """What must not be done, or could not be, and why: one sentence per object."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Step:
    """What happens to one object. C(before) or C(after) is None where it does not exist; both are as a person may see them."""

    action: str  # create | change | delete | keep
    resource: Resource
    desired: Object
    live: Object | None = None
    before: Object | None = None
    after: Object | None = None
    take_over: bool = False  # also what other deployers hold
    own: bool = False  # the fields are not ours yet, although nothing else changes


def apply(client: Client, there: Live, wanted: list[Object], instance: str, take_over: list[str], check_mode: bool) -> list[Step]:
    """Plan all, then do what the plan says (unless it is only asked)."""
    steps = plan(client, there, wanted, instance, take_over, check_mode)
    done: list[str] = []
    for step in steps:
        try:
            if not check_mode:
                do(client, step)
        except ApiError as error:
            so_far = f" Done before it: {', '.join(done)}." if done else " Nothing else was changed."
            raise Refused([explain(step.desired, error) + so_far]) from None
        if step.action != "keep":
            done.append(short(step.desired))
    return steps


def plan(client: Client, there: Live, wanted: list[Object], instance: str, take_over: list[str], check_mode: bool) -> list[Step]:
    """What is to be done, object by object. Refuses everything that must not be done, all at once."""
    problems: list[str] = []
    steps: list[Step] = []
    refused: set[tuple[str, ...]] = set()
    seen: set[tuple[str, ...]] = set()
    for desired in sorted(wanted, key=lambda item: FIRST.index(item["kind"]) if item["kind"] in FIRST else len(FIRST)):
        if key(desired) in seen:
            problems.append(f"{title(desired)} is wanted twice. Two templates, or an entry of immich_patches, give the same name.")
        seen.add(key(desired))
        resource = client.resource(desired["apiVersion"], desired["kind"])
        if resource is None:
            problems.append(_missing_api(desired))
            continue
        live = there.get(resource, desired["metadata"]["name"], desired["metadata"].get("namespace", ""))
        desired = _without_initial(desired, live)
        step = Step("create" if live is None else "change", resource, desired, live, take_over=short(desired) in take_over)
        found = _refusals(step, instance) + _lost(step, wanted) + _resizes(client, step)
        refused |= {key(desired)} if found else set()
        problems += found
        steps.append(step)
    for step in steps:
        if GENERATE in annotations(step.desired):
            step.desired = _with_values(step.desired)
    for step in steps:
        if COPY in annotations(step.desired):
            step.desired = _copied(step.desired, steps)
    problems += _left_behind(client, steps)
    ready = _namespaces(client, steps, check_mode or bool(problems))
    volumes: set[str] = set()  # that cannot change; their claims have the same way out
    for step in [step for step in steps if key(step.desired) not in refused]:
        try:
            namespace = step.desired["metadata"].get("namespace", "")
            _expect(client, step, instance, dry_run=not namespace or namespace in ready)
        except ApiError as error:
            if step.desired["kind"] == "PersistentVolume":
                volumes.add(step.desired["metadata"]["name"])
            if step.desired["kind"] != "PersistentVolumeClaim" or step.desired["spec"].get("volumeName") not in volumes:
                problems.append(explain(step.desired, error, step.live, wanted))
    if problems:
        raise Refused(problems)
    return steps


def _without_initial(desired: Object, live: Object | None) -> Object:
    """The object with those fields as they are by now that are given only when it is made; what they become is somebody else's, such as a CronJob's."""
    paths = [path.strip().split(".") for path in annotations(desired).get(INITIAL, "").split(",") if path.strip()]
    if live is None or not paths:
        return desired
    result = copy.deepcopy(desired)
    for path in paths:
        parent, now = _at(result, tuple(path[:-1])), _at(live, tuple(path))
        if now is None:
            parent.pop(path[-1], None)
        else:
            parent[path[-1]] = copy.deepcopy(now)
    return result


def _missing_api(desired: Object) -> str:
    group = desired["apiVersion"].rpartition("/")[0]
    what = INSTALL.get(group, f"install what provides it, or take {desired['kind']} {desired['metadata']['name']} out of the inventory")
    return f"{title(desired)}: this cluster does not know {desired['apiVersion']} {desired['kind']}; {what}."


def _refusals(step: Step, instance: str) -> list[str]:
    """Why a live object must not be written."""
    live, desired = step.live, step.desired
    if live is None and EXISTING in annotations(desired):
        return [f"{title(desired)} does not exist, and immich_secrets names it. Make it with the keys {_and_keys(desired)}, or choose another source."]
    if live is None:
        return []
    if live["metadata"].get("deletionTimestamp"):
        return [f"{title(live)} is being deleted. Wait until it is gone (kubectl get {live['kind'].lower()} {immutable.where(live)}), then run again."]
    whose = owner(live, instance)
    if whose and live["kind"] == "Namespace":
        return []  # used as it is
    if _used_as_it_is(desired):
        return _unusable_secret(step, whose)
    if whose.startswith("its controller"):
        return [f"{title(live)} belongs to {whose}, which would write it again. Choose another name, or remove that controller's object."]
    if whose and not step.take_over:
        advice = f"Remove it from there or choose another immich_name; to make it this instance's own, immich_take_over: [{short(live)}]"
        return [f"{title(live)} belongs to {whose}. {advice}."]
    return _shrinks(live, desired)


def _unusable_secret(step: Step, whose: str) -> list[str]:
    """A Secret that we would generate, or that the inventory names, is used as it is, whoever made it; it must have the keys."""
    needed = _named(step.desired) + list(step.desired.get("stringData") or {})
    missing = [name for name in needed if name not in (step.live.get("data") or {})]
    if not missing:
        return []
    made = f"It belongs to {whose} and" if whose else "It"
    lacks = " and no key ".join(missing)
    return [f"{title(step.desired)} exists but has no key {lacks}. {made} is not written: add the key, or delete the Secret and run again."]


def _used_as_it_is(desired: Object) -> bool:
    """Whether a Secret of this name that exists is never written."""
    return bool(annotations(desired).keys() & {GENERATE, EXISTING})


def _named(desired: Object) -> list[str]:
    """The keys that the annotation of such a Secret names."""
    notes = annotations(desired)
    return [name.strip() for name in notes.get(GENERATE, notes.get(EXISTING, "")).split(",") if name.strip()]


def _and_keys(desired: Object) -> str:
    return " and ".join(_named(desired))


def _shrinks(live: Object, desired: Object) -> list[str]:
    """Storage grows; Kubernetes cannot shrink it, and we do not try."""
    problems = []
    for path, variable in (
        (("spec", "resources", "requests", "storage"), "size"),
        (("spec", "storage", "size"), "immich_database_size"),
        (("spec", "walStorage", "size"), "immich_database_wal_size"),
    ):
        old, new = _at(live, path), _at(desired, path)
        if old and new and quantity(new) < quantity(old):
            named = f"{immutable.variable_of(desired)}: " if live["kind"] == "PersistentVolumeClaim" else ""
            problems.append(f"{named}{title(live)} has {old} and cannot shrink to {new}. Set {variable} to {old}.")
    return problems


def _lost(step: Step, wanted: list[Object]) -> list[str]:
    if step.live is None or step.live["kind"] != "PersistentVolumeClaim" or _at(step.live, ("status", "phase")) != "Lost":
        return []
    return [immutable.lost(step.desired, step.live, wanted)]


def _resizes(client: Client, step: Step) -> list[str]:
    """A database grows only where its storage class resizes volumes; CloudNativePG would try for ever. Of a claim the API server says it itself."""
    if step.live is None or step.desired["kind"] != "Cluster":
        return []
    problems = []
    for part, variable in (("storage", "immich_database_size"), ("walStorage", "immich_database_wal_size")):
        old, new = (_at(side, ("spec", part, "size")) for side in (step.live, step.desired))
        name = _at(step.live, ("spec", part, "storageClass"))
        if not (name and old and new) or quantity(new) <= quantity(old):
            continue
        resource = client.resource("storage.k8s.io/v1", "StorageClass")
        found = client.get(resource, name) if resource else None
        if found and not found.get("allowVolumeExpansion"):
            problems.append(f"{variable}: {title(step.live)} has {old} and cannot grow to {new}: {immutable.no_expansion(name, old)}")
    return problems


def _left_behind(client: Client, steps: list[Step]) -> list[str]:
    """A claim that is to be made, while the volume of the one before it waits, released, with all its files."""
    fresh = {
        (step.desired["metadata"].get("namespace", ""), step.desired["metadata"]["name"]): step.desired
        for step in steps
        if step.action == "create" and step.desired["kind"] == "PersistentVolumeClaim" and not step.desired["spec"].get("volumeName")
    }
    resource = client.resource("v1", "PersistentVolume") if fresh else None
    try:
        volumes = client.list(resource) if resource else []
    except ApiError as error:
        if error.status != 403:
            raise
        return []
    problems = []
    for volume in volumes:
        claim = volume["spec"].get("claimRef") or {}
        desired = fresh.get((claim.get("namespace", ""), claim.get("name", "")))
        if desired and claim.get("uid") and volume["spec"].get("persistentVolumeReclaimPolicy") == "Retain" and _at(volume, ("status", "phase")) == "Released":
            problems.append(immutable.left_behind(desired, volume))
    return problems


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _namespaces(client: Client, steps: list[Step], check_mode: bool) -> set[str]:
    """The namespaces that exist by now. A missing one is made first: without it nothing in it can be validated."""
    existing = set()
    resource = client.resource("v1", "Namespace")
    for name in {step.desired["metadata"].get("namespace", "") for step in steps} - {""}:
        step = next((step for step in steps if step.desired["kind"] == "Namespace" and step.desired["metadata"]["name"] == name), None)
        live = step.live if step else client.get(resource, name)
        if live is None and step and not check_mode:
            live = client.create(step.resource, step.desired)
        if live is None and not check_mode:
            raise Refused([f"Namespace {name} does not exist, and nothing that is applied here makes it."])
        if live is not None:
            existing.add(name)
    return existing


def _expect(client: Client, step: Step, instance: str, dry_run: bool) -> None:
    """Fill in what the object will be, by asking the API server."""
    live, desired = step.live, step.desired
    if live is None:
        if dry_run and GENERATE in annotations(desired):
            client.create(step.resource, desired, dry_run=True)
        elif dry_run:
            client.apply(step.resource, desired, dry_run=True)
        step.after = presentable(step.desired, desired["kind"])
        return
    step.action = "keep"
    if _used_as_it_is(desired) or (live["kind"] == "Namespace" and owner(live, instance)):
        return
    for _attempt in range(ATTEMPTS):
        expected = _expected(client, step)
        if expected and expected["metadata"]["resourceVersion"] == step.live["metadata"]["resourceVersion"]:
            break
        # A controller wrote it since it was read: what it wrote is no difference of ours.
        step.live = client.get(step.resource, desired["metadata"]["name"], desired["metadata"].get("namespace", "")) or live
    else:
        raise ApiError(409, "it changes all the time")
    live = step.live
    step.own = fields.ours(expected) != fields.ours(live)
    if comparable(expected) != comparable(live):
        step.action = "change"
        before, after = difference(comparable(live), comparable(expected))
        step.before, step.after = presentable(before, live["kind"]), presentable(after, live["kind"], "(hidden, another value)")


def _expected(client: Client, step: Step) -> Object | None:
    """What a takeover and an apply would make of the live object, by dry runs; None when it was written meanwhile."""
    live: Object = step.live
    expected = client.apply(step.resource, step.desired, dry_run=True)
    lean = fields.without_taken(live, expected, step.take_over)
    if lean != expected:  # what was removed may have a default: the API server knows
        try:
            expected = client.replace(step.resource, lean, dry_run=True)
        except ApiError as error:
            if error.status == 409:
                return None
            raise
    if _released(live, step.desired):
        expected = copy.deepcopy(expected)
        for name in ("uid", "resourceVersion"):
            expected["spec"]["claimRef"].pop(name, None)
    return expected


def _with_values(desired: Object) -> Object:
    """The Secret with fresh random values; letters and digits, so that no place needs to quote them."""
    alphabet = string.ascii_letters + string.digits
    values = {name: "".join(secrets.choice(alphabet) for _place in range(32)) for name in _named(desired)}
    return {**desired, "stringData": {**(desired.get("stringData") or {}), **values}}


def _copied(desired: Object, steps: list[Step]) -> Object:
    """The Secret with the values of the one that it is a copy of, as that is in the cluster or is about to be made."""
    namespace, name = annotations(desired)[COPY].split("/")
    (source,) = [step for step in steps if key(step.desired) == ("", "Secret", namespace, name)]
    if source.live:
        return {**desired, "data": source.live.get("data") or {}}
    return {**desired, "data": {key: base64.b64encode(value.encode()).decode() for key, value in source.desired["stringData"].items()}}


def _released(live: Object, desired: Object) -> bool:
    """A volume of ours whose claim is gone. It keeps that claim's uid and would never bind again."""
    claim, wanted = _at(live, ("spec", "claimRef")), _at(desired, ("spec", "claimRef"))
    if live["kind"] != "PersistentVolume" or not claim or not wanted or _at(live, ("status", "phase")) != "Released":
        return False
    return (claim.get("namespace"), claim.get("name")) == (wanted.get("namespace"), wanted.get("name"))


def do(client: Client, step: Step) -> None:
    """Write what a step says."""
    if step.action == "create":
        if GENERATE in annotations(step.desired):
            client.create(step.resource, step.desired)  # never over one that somebody made meanwhile
        else:
            client.apply(step.resource, step.desired, dry_run=False)
    elif step.action == "delete":
        client.delete(step.resource, step.live)
    elif step.action == "change" or step.own:
        if step.action == "change":
            _prepare(client, step)
        client.apply(step.resource, step.desired, dry_run=False)


def _prepare(client: Client, step: Step) -> None:
    """What must come before the apply: release a volume's old claim, take over what hands hold."""
    for attempt in range(ATTEMPTS):
        live: Object = step.live
        operations: list[Object] = []
        if _released(live, step.desired):
            present = [name for name in ("uid", "resourceVersion") if name in live["spec"]["claimRef"]]
            operations += [{"op": "remove", "path": f"/spec/claimRef/{name}"} for name in present]
        if any(fields.takeable(entry, step.take_over) for entry in fields.managed(live)):
            operations.append({"op": "replace", "path": "/metadata/managedFields", "value": fields.taken(live, step.take_over)})
        if not operations:
            return
        try:
            client.json_patch(step.resource, live, operations)
            return
        except ApiError as error:
            # Somebody, a controller most likely, wrote it since it was read.
            if attempt == ATTEMPTS - 1 or error.status not in (409, 422):
                raise
            step.live = client.get(step.resource, live["metadata"]["name"], live["metadata"].get("namespace", "")) or live


def explain(desired: Object, error: ApiError, live: Object | None = None, wanted: list[Object] | None = None) -> str:
    """What the API server said, as one sentence with a way out."""
    name, kind = title(desired), desired["kind"]
    message = " ".join(str(error).split())
    if live and kind == "PersistentVolumeClaim" and immutable.NO_RESIZE in message:
        return immutable.no_growth(desired, live)
    if error.status == 403:
        return f"{name}: the account of this kubeconfig context may not write it ({_cut(message)})."
    if live and immutable.concerns(message, kind):
        return immutable.sentence(desired, live, wanted or [])
    if kind == "Secret":
        where = ", ".join(sorted({cause.get("field", "") for cause in error.causes} - {""}))  # not the message: it may quote a value
        return f"{name} is not accepted by the API server ({error.status} {error.reason or 'error'}{', field ' + where if where else ''})."
    causes = "; ".join(f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in error.causes) or message
    return f"{name} is not accepted by the API server: {_cut(without_userinfo(causes))}. If a patch of immich_patches changes it, look there first."


def _cut(text: str) -> str:
    return text if len(text) <= 300 else text[:300].rsplit(" ", 1)[0] + " …"
