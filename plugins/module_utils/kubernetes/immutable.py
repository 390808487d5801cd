# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubernetes cannot change of an object that exists: which variable asks for it, and how to get there all the same. Pure functions."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import mounts
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object, labels, steps, title

IMMUTABLE = re.compile(r"immutable|field can not be less than|cannot change roleRef|updates to \w+ spec for fields other than|may not change once set")
NO_RESIZE = "only dynamically provisioned pvc can be resized"
PAGE = "docs/storage.md"
SOURCES = ("nfs", "csi", "hostPath")
FIXED: dict[str, tuple[str, ...]] = {  # the part that cannot change, where it is not the whole spec
    "Deployment": ("spec", "selector"),
    "Job": ("spec", "template"),
    "RoleBinding": ("roleRef",),
    "Secret": ("type",),
    "StorageClass": (),
}
ONCE_DELETED = {"Secret": "the values of the inventory come back with the next run", "StorageClass": "the claims of this class keep what they have"}


def concerns(message: str, kind: str) -> bool:
    """Whether the API server refused a change because no such change is possible."""
    return bool(IMMUTABLE.search(message)) or (kind == "Service" and "may not be" in message)


def sentence(desired: Object, live: Object, wanted: list[Object]) -> str:
    """What cannot change, and the steps. C(wanted) is everything of this apply: the Deployments in it say who has a volume mounted."""
    kind = desired["kind"]
    if kind == "PersistentVolumeClaim":
        return _claim(desired, live, wanted)
    if kind == "PersistentVolume":
        return _volume(desired, live, wanted)
    path = FIXED.get(kind, ("spec",))
    what = f"Kubernetes cannot change {'.'.join(path) or 'this'} of an existing {kind}{_shown(changes(_at(live, path), _at(desired, path)))}."
    if kind in ("Cluster", "Database"):
        return f"{title(desired)}: {what} Put the old value back in immich_database_*."
    delete = f"kubectl delete {kind.lower()} {where(desired)}   # {ONCE_DELETED.get(kind, 'it holds no data')}"
    return f"{title(desired)}: {what} {steps([delete, 'Run again.'])}"


def _claim(desired: Object, live: Object, wanted: list[Object]) -> str:
    """A claim stays what it was made as."""
    name, variable = desired["metadata"]["name"], variable_of(desired)
    keys = {"storage_class": "storageClassName", "access_mode": "accessModes"}
    sides = [(key, live["spec"].get(field), desired["spec"].get(field)) for key, field in keys.items()]
    differs = ", ".join(f"{key} {_plain(old)} -> {_plain(new)}" for key, old, new in sides if old != new) or changes(live["spec"], desired["spec"])
    what = f"{variable}: Kubernetes cannot change {title(live)} in this way: {differs}. Put the old value back, or"
    users = users_of(name, desired["metadata"].get("namespace", ""), wanted)
    stop = f"kubectl scale deployment {' '.join(users or [f'{instance_of(desired)}-server'])} --replicas=0 -n {desired['metadata'].get('namespace', '')}"
    delete = f"kubectl delete persistentvolumeclaim {where(desired)}"
    if desired["spec"].get("volumeName") and live["spec"].get("volumeName") == desired["spec"]["volumeName"]:
        return f"{what} make the claim anew; the files stay where they are: {steps([stop, delete, 'Run again.'])}"
    if _is_guards(desired):
        return f"{what} make it anew, without what the guard remembers of the last scan: {steps([delete, 'Run again.'])}"
    if users and not [user for user in users if user.endswith("-server")]:
        return f"{what} begin with an empty one, which costs a download of the models: {steps([stop, delete, 'Run again.'])}"
    volume = volume_of(desired)
    accept = f'-e \'{{"immich_accept_moved_volumes": ["{volume}-new"]}}\''
    moving = [
        f"Put the old value back, and add a volume {volume}-new beside it, as it is to be, with mount: /mnt/{volume}-new. Run again.",
        stop,
        f"Copy everything from the claim {name} to the claim {name}-new, the files .immich too.",
        f"Give {volume}-new the mount of {volume}, take {volume} out of immich_volumes, and run once with {accept}. The old claim and its files stay.",
    ]
    return f'{what} move the files ({PAGE}, "Moving files to another volume"): {steps(moving)}'


def _volume(desired: Object, live: Object, wanted: list[Object]) -> str:
    """Where the files of a static volume are; made anew it finds them again, or others."""
    claim = desired["spec"].get("claimRef") or {}
    kinds = [next((source for source in SOURCES if side["spec"].get(source)), "") for side in (live, desired)]
    drivers = [f"{kind} {((side['spec'].get('csi') or {}).get('driver') or '')}".strip() for kind, side in zip(kinds, (live, desired), strict=True)]
    fixed = {name: desired["spec"][name] for name in (*SOURCES, "nodeAffinity") if name in desired["spec"]}  # the rest can change
    differs = f"{drivers[0]} -> {drivers[1]}" if drivers[0] != drivers[1] else changes(live["spec"], fixed)
    users = users_of(claim.get("name", ""), claim.get("namespace", ""), wanted) or [f"{instance_of(desired)}-server"]
    todo = [f"kubectl scale deployment {' '.join(users)} --replicas=0 -n {claim.get('namespace', '')}"]
    if live["spec"].get("persistentVolumeReclaimPolicy") != "Retain":
        todo.append(f'kubectl patch persistentvolume {live["metadata"]["name"]} -p \'{{"spec":{{"persistentVolumeReclaimPolicy":"Retain"}}}}\'')
    todo += [
        f"kubectl delete persistentvolumeclaim {claim.get('name', '')} -n {claim.get('namespace', '')} --ignore-not-found",
        f"kubectl delete persistentvolume {live['metadata']['name']}   # the files stay where they are",
        "Run again.",
    ]
    return (
        f"{variable_of(desired)}: Kubernetes cannot change {title(live)} in this way: {differs}. Put the old value back (in nas_exports, where it comes from"
        f" there), or make volume and claim anew, which deletes no file: {steps(todo)}"
    )


def no_growth(desired: Object, live: Object) -> str:
    """Why a claim keeps its size. The API server does not tell whether the class or the kind of volume is why."""
    old, new, storage_class = _size(live), _size(desired), live["spec"].get("storageClassName")
    begin = f"{variable_of(desired)}: {title(live)} has {old} and cannot grow to {new}:"
    if not storage_class:
        return f"{begin} on NFS, SMB and a node the size is bookkeeping, and what counts is the space there. Put size: {old} back."
    return f"{begin} {no_expansion(storage_class, old)}"


def no_expansion(storage_class: str, old: str) -> str:
    """Its storage class does not resize volumes, and what to do."""
    allow = f"kubectl patch storageclass {storage_class} -p '{{\"allowVolumeExpansion\": true}}'   # most CSI drivers can"
    other = f'Where it cannot, as with local-path: move the files to a larger volume ({PAGE}, "Growing").'
    return f"storage class {storage_class} does not resize volumes. Put {old} back, or let it, if its driver can: {steps([allow, 'Run again.', other])}"


def lost(desired: Object, live: Object, wanted: list[Object]) -> str:
    """A claim whose volume was deleted stays Lost, whatever comes in its place."""
    volume, namespace = live["spec"].get("volumeName", ""), desired["metadata"].get("namespace", "")
    users = users_of(desired["metadata"]["name"], namespace, wanted) or [f"{instance_of(desired)}-server"]
    again = [
        f"kubectl scale deployment {' '.join(users)} --replicas=0 -n {namespace}",
        f"kubectl delete persistentvolumeclaim {where(desired)}",
        "Run again.",
    ]
    if desired["spec"].get("volumeName"):
        what = f"{variable_of(desired)}: PersistentVolume {volume} of {title(live)} was deleted."
        return f"{what} The files are where they were; to mount them again: {steps(again)}"
    return (
        f"{variable_of(desired)}: PersistentVolume {volume} of {title(live)} is gone, and its files with it unless the storage still has them."
        f" Look there, or into your backups, first. To begin with an empty volume: {steps(again)}"
    )


def left_behind(desired: Object, volume: Object) -> str:
    """A claim that would be made anew, and empty, while the volume of the one before is still there."""
    name = volume["metadata"]["name"]
    what = f"{variable_of(desired)}: {title(desired)} is gone and would be made anew, empty, while PersistentVolume {name} still has its files."
    release = f'kubectl patch persistentvolume {name} -p \'{{"spec":{{"claimRef":{{"uid":null,"resourceVersion":null}}}}}}\''
    return (
        f"{what} To use them again: {steps([release, 'Run again.'])}"
        f"\n     To begin with an empty one instead: kubectl delete persistentvolume {name}   # its files stay in the storage, out of sight"
    )


def variable_of(desired: Object) -> str:
    """Which entry of the inventory a claim or a static volume comes from."""
    if _is_guards(desired):
        return "immich_guard_storage_class and immich_guard_memory_size"
    return f"immich_volumes, {volume_of(desired)}"


def _is_guards(desired: Object) -> bool:
    return labels(desired).get("app.kubernetes.io/name") == "guard"


def volume_of(desired: Object) -> str:
    """The name of the volume in immich_volumes."""
    claim = (desired["spec"].get("claimRef") or {}).get("name") or desired["metadata"]["name"]
    return claim.removeprefix(f"{instance_of(desired)}-")


def instance_of(desired: Object) -> str:
    """The variable immich_name, which every object has as a label."""
    return labels(desired).get("app.kubernetes.io/instance") or "immich"


def users_of(claim: str, namespace: str, wanted: list[Object]) -> list[str]:
    """The Deployments that mount a claim."""
    found = [item for item in wanted if item["kind"] == "Deployment" and item["metadata"].get("namespace", "") == namespace]
    return [item["metadata"]["name"] for item in found if claim in mounts.claims(item).values()]


def changes(there: Any, wanted: Any, path: str = "") -> str:
    """Field: old -> new, of what is wanted."""
    if not isinstance(wanted, dict) or not isinstance(there, dict):
        return f"{there} -> {wanted}" if there and wanted and there != wanted else ""
    found = []
    for name, value in wanted.items():
        old = there.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            found.append(changes(old, value, f"{path}{name}."))
        elif old is not None and old != value:
            found.append(f"{path}{name}: {_plain(old)} -> {_plain(value)}")
        elif old is None and value not in ("", {}, []):
            found.append(f"{path}{name}: unset -> {_plain(value)}")
    return ", ".join(text for text in found if text)


def where(live: Object) -> str:
    """Name and namespace, as kubectl takes them."""
    meta = live["metadata"]
    return f"{meta['name']} -n {meta['namespace']}" if meta.get("namespace") else meta["name"]


def _shown(text: str) -> str:
    return f" ({text})" if text else ""


def _plain(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        return _plain(value[0])
    return value or "none" if isinstance(value, str) or value is None else json.dumps(value)


def _size(claim: Object) -> str:
    return str(_at(claim, ("spec", "resources", "requests", "storage")))


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
