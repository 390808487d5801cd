# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is declared and what is there to what is to be done. Pure functions: nothing here talks to TrueNAS."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ..nas import SENTINELS, normalise, parse_size, sentinel_places
from .access import in_their_way
from .look import SERVICES, ancestors, below, place_of
from .shares import plan_share
from .versions import Dialect

_UNITS = {"h": "HOUR", "d": "DAY", "w": "WEEK", "m": "MONTH", "y": "YEAR"}
_SPACE = 1 << 20  # with less than this left a pool is full


@dataclasses.dataclass(frozen=True)
class Step:
    """One call that changes something, and how it looks to a person. `service` is whose role it needs."""

    what: str
    method: str
    params: tuple[Any, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    job: bool = False
    service: str = "nfs"
    mounts: str | None = None  # a dataset that has to be mounted before anything goes on


@dataclasses.dataclass
class Plan:
    """What to do in this order; why nothing may be done at all; what a person should know."""

    steps: list[Step] = dataclasses.field(default_factory=list)
    refusals: list[str] = dataclasses.field(default_factory=list)
    warnings: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    narrowed: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    sentinels_ok: bool = True

    def refuse(self, nas: str, export: Mapping[str, Any], message: str) -> None:
        """Say why an export cannot be made."""
        self.refusals.append(f"{nas}, export {export['name']}: {message}")

    def warn(self, nas: str, export: Mapping[str, Any], message: str) -> None:
        """Say what stays different from what is declared."""
        self.warnings.append({"export": export["name"], "severity": "warning", "message": f"{nas}, export {export['name']}: {message}"})


def plan(
    exports: Iterable[Mapping[str, Any]],
    seen: Mapping[str, Any],
    dialect: Dialect,
    nas: str = "TrueNAS",
    users: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
) -> Plan:
    """Everything that makes TrueNAS as declared; with refusals the steps are not to be taken. `users` are the pods that mount an export, by its name."""
    wanted, made = [normalise(export) for export in exports], Plan()
    for export in wanted:
        new = _plan_dataset(made, export, wanted, seen, nas)
        if new is None:
            continue
        _plan_folders(made, export, seen, nas, new)
        _plan_sentinels(made, export, seen, nas, new)
        plan_share(made, export, wanted, seen, dialect, nas, Step)
        _plan_snapshots(made, export, seen)
        for sentence in in_their_way(export, (users or {}).get(export["name"]) or [], seen):
            made.warn(nas, export, sentence)
    for protocol in seen["shares"]:
        _plan_service(made, seen, dialect, protocol)
    return made


def _plan_dataset(made: Plan, export: dict[str, Any], exports: list[dict[str, Any]], seen: Mapping[str, Any], nas: str) -> bool | None:
    """Whether the dataset is to be created; None when nothing more can be said of the export."""
    name, datasets, folders = export["dataset"], seen["datasets"], seen["folders"]
    problem = _dataset_problem(export, datasets, folders)
    if problem:
        made.refuse(nas, export, problem)
        return None
    properties = _properties(export)
    if name not in datasets:
        place = place_of(export)
        if any(share["path"].rstrip("/") == place for shares in seen["shares"].values() for share in shares):  # a run makes the share last
            message = f"the dataset {name} is gone, and {place} is still shared. Bring it back; if a new, empty one is wanted, delete the share first."
            made.refuse(nas, export, message)
            return None
        protocols = {other["protocol"] for other in exports if other["dataset"] == name}
        share_type = "MULTIPROTOCOL" if len(protocols) > 1 else export["protocol"].upper()
        fields = {"name": name, "type": "FILESYSTEM", "share_type": share_type, "create_ancestors": True, **properties}
        if fields.get("quota") is None:
            fields.pop("quota", None)
        missing = [parent for parent in reversed(ancestors(name)) if parent not in datasets]
        shown = {key: value for key, value in fields.items() if key not in ("name", "type", "create_ancestors")}
        already = next((step for step in made.steps if step.method == "pool.dataset.create" and step.params[0]["name"] == name), None)
        if not already:  # two exports may share a dataset
            after = shown | ({"ancestors": missing} if missing else {})
            made.steps.append(Step(f"dataset {name}", "pool.dataset.create", (fields,), {}, after, mounts=name))
        return True
    have = datasets[name]
    if export["protocol"] == "nfs" and export["access"] == "rw" and (have.get("casesensitivity") or {}).get("value") == "INSENSITIVE":
        message = f"the dataset {name} was made for SMB, so IMG.jpg and img.jpg are one file in it. Over NFS use a dataset of share type NFS or Multiprotocol."
        made.warn(nas, export, message)
    differing = {key: value for key, value in properties.items() if not _same(key, have.get(key) or {}, value)}
    if differing:
        before = {key: _shown(key, have.get(key) or {}) for key in differing}
        made.steps.append(
            Step(
                f"dataset {name}",
                "pool.dataset.update",
                (name, differing),
                before,
                {key: "none" if value is None else value for key, value in differing.items()},
            )
        )
    return False


def _dataset_problem(export: dict[str, Any], datasets: Mapping[str, Any], folders: Mapping[str, Any]) -> str | None:
    name = export["dataset"]
    pool = name.split("/")[0]
    if pool not in datasets:
        return f"there is no pool {pool}. Import the pool, or correct dataset, which is {name}."
    nearest = next(known for known in [name, *ancestors(name)] if known in datasets)
    have, folder = datasets[nearest], folders.get(f"/mnt/{nearest}")
    creating = nearest != name
    if have["type"] != "FILESYSTEM":
        return f"{nearest} is a volume (zvol), which has no folders. Correct dataset, which is {name}."
    if have.get("locked"):
        return f"the dataset {nearest} is encrypted and locked, so {'nothing can be created in it' if creating else 'clients see nothing of it'}. Unlock it."
    if not folder or not folder["is_mountpoint"]:
        return f"the dataset {nearest} is not mounted, so clients see an empty folder in its place. Mount it before anything scans it."
    read_only = (have.get("readonly") or {}).get("value") == "ON"
    if creating:
        blocked = next((parent for parent in [name, *ancestors(name)] if parent not in datasets and folders.get(f"/mnt/{parent}")), None)
        if blocked:
            return f"/mnt/{blocked} is there and is not a dataset, so no dataset can be mounted there. Move it away, or correct dataset, which is {name}."
        if read_only:
            return f"the dataset {nearest} has readonly on, so {name} cannot be created in it. Set readonly to off on it, or create {name} yourself."
        if _space(have) < _SPACE:
            return f"{nearest} is full, so {name} cannot be created. Free some space, or raise its quota."
        return None
    if read_only and export["access"] == "rw":
        return f"access is rw, but the dataset {name} has readonly on. Set readonly to off on the dataset, or access: ro."
    place = place_of(export)
    if not folders.get(place):
        return None if place == f"/mnt/{name}" else f"there is no folder {place} in the dataset {name}. Create it, or correct path."
    if folders[place]["type"] != "DIRECTORY":
        return f"{place} is no folder. Correct path."
    return None


def _space(dataset: Mapping[str, Any]) -> int:
    parsed = (dataset.get("available") or {}).get("parsed")
    return parsed if isinstance(parsed, int) else _SPACE


def _properties(export: Mapping[str, Any]) -> dict[str, Any]:
    """The declared properties as TrueNAS takes them."""
    fields: dict[str, Any] = {}
    if export["quota"] is not None:
        fields["quota"] = None if export["quota"] == "none" else parse_size(export["quota"])
    if export["recordsize"] is not None:
        size = parse_size(export["recordsize"])
        fields["recordsize"] = f"{size >> 20}M" if size >= 1 << 20 else f"{size >> 10}K" if size >= 1 << 10 else str(size)
    if export["compression"] is not None:
        fields["compression"] = export["compression"].upper()
    return fields


def _same(key: str, have: Mapping[str, Any], want: Any) -> bool:
    """Whether a property has a value, as parsed: 1M, 1048576 and 1024K are the same."""
    if key == "compression":
        return str(have.get("value")).upper() == want
    return (have.get("parsed") or None) == (parse_size(want) if isinstance(want, str) else want)


def _shown(key: str, have: Mapping[str, Any]) -> Any:
    return "none" if key == "quota" and not have.get("parsed") else have.get("parsed") if key == "quota" else have.get("value")


def _plan_folders(made: Plan, export: dict[str, Any], seen: Mapping[str, Any], nas: str, new: bool) -> None:
    """Owner and mode of the root, and the subpaths with the same."""
    root, owner = place_of(export), export["owner"]
    if new and root != f"/mnt/{export['dataset']}":
        made.refuse(
            nas, export, f"path is {root}, a folder in the dataset {export['dataset']}, which does not exist yet. Leave path out, or create both first."
        )
        return
    ids = _ids(made, export, seen, nas)
    if ids is None:
        return
    if owner["user"] is not None and (new or seen["folders"].get(root)):
        _plan_owner(made, export, seen, nas, root, ids, created=new)
    for subpath in export["subpaths"]:
        at = root
        for part in subpath.split("/"):
            at = f"{at}/{part}"
            folder = None if new else seen["folders"].get(at)
            if folder is None and not any(step.method == "filesystem.mkdir" and step.params[0]["path"] == at for step in made.steps):
                made.steps.append(_mkdir(at))
                if owner["user"] is not None:
                    _plan_owner(made, export, seen, nas, at, ids, created=True)
        if not new and owner["user"] is not None and (seen["folders"].get(at)):
            _plan_owner(made, export, seen, nas, at, ids, created=False)


def _mkdir(path: str) -> Step:
    return Step(f"folder {path}", "filesystem.mkdir", ({"path": path, "options": {"mode": "755", "raise_chmod_error": False}},), {}, {"type": "folder"})


def _ids(made: Plan, export: dict[str, Any], seen: Mapping[str, Any], nas: str) -> tuple[int, int] | tuple[None, None] | None:
    """The numbers of the declared owner; None when TrueNAS does not know a name."""
    numbers: list[int] = []
    for kind, known in (("user", seen["users"]), ("group", seen["groups"])):
        want = export["owner"][kind]
        if want is None:
            return None, None
        number = want if isinstance(want, int) else next((account["id"] for account in known if account["name"] == want), None)
        if number is None:
            made.refuse(nas, export, f"owner.{kind} is {want}, and TrueNAS has no such {kind}. Create it under Credentials, or write a number.")
            return None
        numbers.append(number)
    return numbers[0], numbers[1]


def _plan_owner(made: Plan, export: dict[str, Any], seen: Mapping[str, Any], nas: str, path: str, ids: Any, created: bool) -> None:
    owner, mode = export["owner"], export["owner"]["mode"] or "0755"
    smb = export["protocol"] == "smb"  # there the ACL of TrueNAS decides, and a mode would strip it
    folder = None if created else seen["folders"][path]
    after = {"uid": ids[0], "gid": ids[1]} | ({} if smb else {"mode": f"{int(mode, 8):04o}"})
    before = {} if folder is None else {"uid": folder["uid"], "gid": folder["gid"], "mode": f"{folder['mode'] & 0o7777:04o}"}
    if folder is not None:
        if owner["mode"] is None or folder["acl"] and not owner["enforce"]:
            after.pop("mode", None)
        differing = {key: value for key, value in after.items() if before[key] != value}
        if not differing:
            return
        if not owner["enforce"] and path not in seen["empty"]:
            have = ", ".join(f"{key} {before[key]}" for key in differing)
            want = ", ".join(f"{key} {value}" for key, value in differing.items())
            made.warn(
                nas, export, f"owner says {want}, and {path} has {have}. It is left as it is; owner.enforce: true changes this folder, and nothing in it."
            )
            return
        before = {key: before[key] for key in differing}
        after_shown = differing
    else:
        after_shown = after
    if any(step.what == f"owner of {path}" for step in made.steps):
        return
    options = {"recursive": False, "traverse": False}
    if smb or (folder is not None and "mode" not in after_shown):
        params: dict[str, Any] = {"path": path, "uid": ids[0], "gid": ids[1], "options": options}
        made.steps.append(Step(f"owner of {path}", "filesystem.chown", (params,), before, after_shown, job=True))
    else:  # a new dataset may have an ACL from above, which would make the mode an error
        params = {"path": path, "uid": ids[0], "gid": ids[1], "mode": f"{int(mode, 8):03o}", "options": options | {"stripacl": True}}
        made.steps.append(Step(f"owner of {path}", "filesystem.setperm", (params,), before, after_shown, job=True))


def _plan_sentinels(made: Plan, export: dict[str, Any], seen: Mapping[str, Any], nas: str, new: bool) -> None:
    """Folders only, and only where the dataset is really mounted: in the empty mount point of an unmounted one they would say the opposite of the truth."""
    root, folders, datasets = place_of(export), seen["folders"], seen["datasets"]
    children = below(datasets, root)
    shared = {share["path"].rstrip("/") for share in seen["shares"]["nfs"] if share["enabled"]} if export["protocol"] == "nfs" else None
    for child in children:
        if datasets[child].get("locked") or not (folder := folders.get(f"/mnt/{child}")) or not folder["is_mountpoint"]:
            made.warn(
                nas,
                export,
                f"the dataset {child} lies below and is {'locked' if datasets[child].get('locked') else 'not mounted'}, so clients see an empty folder there.",
            )
        elif shared is not None and f"/mnt/{child}" not in shared:
            message = f"the dataset {child} lies below and has no share of its own, so clients see an empty folder there. Share it too, or move it elsewhere."
            made.warn(nas, export, message)
    mounted = [child for child in children if (folder := folders.get(f"/mnt/{child}")) and folder["is_mountpoint"] and not datasets[child].get("locked")]
    owners = {f"/mnt/{child}": child for child in mounted}
    if root in seen["lost"]:
        made.sentinels_ok = False
        message = f"{root} is shared and empty, and has no sentinel: is it the right dataset? It gets one when the photos are there, and no scan before."
        made.warn(nas, export, message)
        return
    for place in sentinel_places(export, "truenas", list(owners)):
        if not new and (there := folders.get(place)) and there["type"] == "DIRECTORY":
            continue
        dataset = owners.get(place.rpartition(f"/{SENTINELS}/")[0], export["dataset"])
        if (datasets.get(dataset, {}).get("readonly") or {}).get("value") == "ON":
            made.sentinels_ok = False
            made.warn(
                nas, export, f"the sentinel {place} is missing, and the dataset {dataset} has readonly on. Set it to off for one run: no scan is safe without."
            )
            continue
        for path in (place.rpartition("/")[0], place):
            if (new or not folders.get(path)) and not any(step.method == "filesystem.mkdir" and step.params[0]["path"] == path for step in made.steps):
                made.steps.append(dataclasses.replace(_mkdir(path), what=f"sentinel {place}" if path == place else f"folder {path}"))


def _plan_snapshots(made: Plan, export: dict[str, Any], seen: Mapping[str, Any]) -> None:
    """A periodic snapshot task with this schedule. Those with another schedule are somebody's own."""
    if not export["snapshots"]:
        return
    schedule, keep = export["snapshots"]["schedule"], str(export["snapshots"]["keep"])
    fields = dict(zip(("minute", "hour", "dom", "month", "dow"), schedule.split(), strict=True))
    want = {"enabled": True, "lifetime_value": int(keep[:-1]), "lifetime_unit": _UNITS[keep[-1]]}
    same = [
        task
        for task in seen["tasks"]
        if task["dataset"] == export["dataset"] and all(_cron_field(task["schedule"][key]) == _cron_field(value) for key, value in fields.items())
    ]
    what = f"snapshots of {export['dataset']} at {schedule}"
    if any(all(task[key] == value for key, value in want.items()) for task in same):
        return
    if not same:
        if not any(step.what == what for step in made.steps):
            made.steps.append(
                Step(what, "pool.snapshottask.create", ({"dataset": export["dataset"], "schedule": fields, **want},), {}, {**want, "schedule": schedule})
            )
        return
    task = same[0]
    differing = {key: value for key, value in want.items() if task[key] != value}
    # snapshots that are there keep the time that they were promised
    params = (task["id"], differing | {"fixate_removal_date": True})
    made.steps.append(Step(what, "pool.snapshottask.update", params, {key: task[key] for key in differing}, differing))


def _cron_field(field: str) -> str:
    """A field of a cron line without leading zeros: TrueNAS writes minute 00."""
    return str(int(field)) if str(field).isdecimal() else str(field)


def _plan_service(made: Plan, seen: Mapping[str, Any], dialect: Dialect, protocol: str) -> None:
    name, label = SERVICES[protocol], protocol.upper()
    service = seen["services"].get(name) or {"state": "STOPPED", "enable": False}
    if protocol == "nfs" and "NFSV4" not in seen["protocols"]:  # the cluster mounts NFSv4
        protocols = [*seen["protocols"], "NFSV4"]
        made.steps.append(Step("NFS service", "nfs.update", ({"protocols": protocols},), {"protocols": seen["protocols"]}, {"protocols": protocols}))
    if not service["enable"]:
        made.steps.append(Step(f"{label} service", "service.update", (name, {"enable": True}), {"enable": False}, {"enable": True}, service=name))
    if service["state"] != "RUNNING":
        method, params = ("service.control", ("START", name, {"silent": False})) if dialect.service_control else ("service.start", (name, {"silent": False}))
        made.steps.append(Step(f"{label} service", method, params, {"state": "STOPPED"}, {"state": "RUNNING"}, job=dialect.service_control, service=name))
