# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which libraries are scanned by the clock, and what the guard of each has to know and to see. Pure functions, for the templates and for preflight."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.nas import export_address, nfs_path, provider_of
from ansible_collections.homelab.immich.plugins.module_utils.paths import mapped, within

from .calendar_events import calendar

# no other pod can have such a volume, and the server has it
EXCLUSIVE = "ReadWriteOncePod"
WATCH = "47 * * * *"


def scheduled(libraries: Iterable[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]], instance: str, media: str) -> list[dict[str, Any]]:
    """
    The scans of the libraries that have a schedule; `volumes` are resolved, `media` is where Immich keeps its own files.

    Each has the name of its CronJob, its schedule, the volumes that its guard mounts, and its part of the guard's config.
    """
    served = [volume for volume in volumes if "server" in volume["pods"]]
    films = f"{media}/encoded-video"
    keeps = [volume for volume in served if within(films, volume["mount"])]
    seen = bool(keeps) and keeps[-1]["access_mode"] != EXCLUSIVE
    scans = []
    for library, schedule, told in _with_schedule(libraries):
        folders = [*library["import_paths"], *([films] if seen else [])]
        mounted = [volume for volume in served if volume["access_mode"] != EXCLUSIVE and any(_touch(volume["mount"], folder) for folder in folders)]
        scans.append(
            {
                "name": job_name(instance, library["name"], library["owner"]),
                "library": library["name"],
                "schedule": schedule,
                "volumes": mounted,
                "config": {
                    "media": media if seen else "",
                    "sentinels": [volume["sentinel"] for volume in mounted if volume["sentinel"]],
                    "libraries": [told],
                },
            }
        )
    return scans


def on_host(
    libraries: Iterable[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]], folders: Mapping[str, str], instance: str, media: str, zone: str
) -> list[dict[str, Any]]:
    """
    The scans of the libraries that have a schedule, for the systemd of a host; `instance` is the name of the instance in the inventory.

    Each has the name of its units, the guard's command, when it comes, the folders that it looks at there, and its part of the guard's config. The last one
    has no library: it watches.
    """
    served = [volume for volume in volumes if "server" in volume["pods"]]
    films = f"{media}/encoded-video"
    seen = any(within(films, folder) for folder in folders)
    scans = []
    for library, schedule, told in _with_schedule(libraries):
        looked = [*library["import_paths"], *([films] if seen else [])]
        scans.append(
            {
                "name": job_name(f"immich-guard-{unit_part(instance)}", library["name"], library["owner"], 200),
                "library": library["name"],
                "command": "scan",
                "calendar": calendar(str(schedule), zone),
                "looks_at": sorted({mapped(path, folders) or path for path in looked}),
                "config": {
                    "view": "mount",
                    "folders": dict(folders),
                    "media": media if seen else "",
                    "sentinels": [volume["sentinel"] for volume in served if volume["sentinel"] and any(_touch(volume["mount"], path) for path in looked)],
                    "libraries": [told],
                },
            }
        )
    if not scans:
        return []
    every = [library for scan in scans for library in scan["config"]["libraries"]]
    # an hour is the longest that a scan outside of the guard stays unseen
    watch = {"name": f"immich-guard-{unit_part(instance)}-watch", "library": "", "command": "watch", "calendar": calendar(WATCH, zone), "looks_at": []}
    return [*scans, watch | {"config": {"view": "mount", "folders": {}, "media": "", "sentinels": [], "libraries": every}}]


def _with_schedule(libraries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], str, dict[str, Any]]]:
    """The libraries that have a schedule, with it, and what the guard is told of them."""
    for library in libraries:
        scan = dict(library.get("scan") or {})
        schedule = scan.pop("schedule", None)
        if library.get("state") != "absent" and schedule:
            yield library, schedule, {"name": library["name"], "owner": library["owner"], "scan": scan}


def host_folders(volumes: Iterable[Mapping[str, Any]], nas: Iterable[Mapping[str, Any]], host: str, given: Mapping[str, str]) -> dict[str, str]:
    """Where the folders of the server are on a host: as it is given, and on a NAS that exports them also without."""
    places = {
        (export_address(found, export), nfs_path(export, provider_of(found)))
        for found in nas
        if found["inventory_hostname"] == host
        for export in found.get("nas_exports") or []
        if not export.get("share")
    }
    sources = {volume["mount"]: volume["nfs"] for volume in volumes if volume["nfs"] and "server" in volume["pods"]}
    own = {mount: nfs["path"] for mount, nfs in sources.items() if any(nfs["server"] == address and within(nfs["path"], path) for address, path in places)}
    return {**own, **given}


def unit_part(instance: str) -> str:
    """A name as a part of the name of a unit, which another name does not become."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", instance)
    return plain if plain == instance else f"{plain}-{hashlib.sha256(instance.encode()).hexdigest()[:6]}"


def job_name(instance: str, library: str, owner: str, longest: int = 52) -> str:
    """Name the CronJob of a library: readable, and no other's, for two people may have a library of one name, in any script. Kubernetes takes 52 characters."""
    slug = re.sub(r"[^a-z0-9]+", "-", library.lower()).strip("-")[: max(0, min(20, longest - 13 - len(instance)))].strip("-")
    number = hashlib.sha256(f"{owner.strip().lower()}/{library}".encode()).hexdigest()[:6]
    return "-".join(part for part in (instance, "scan", slug, number) if part)


def job_now(cronjob: Mapping[str, Any], command: str, options: Sequence[str], name: str) -> dict[str, Any]:
    """A Job that runs the guard of a CronJob once, now, with a command such as plan; as `kubectl create job --from` makes one."""
    template = deepcopy(dict(cronjob["spec"]["jobTemplate"]))
    meta = cronjob["metadata"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": meta["name"], "uid": meta["uid"], "controller": True}
    spec = template["spec"] | {"ttlSecondsAfterFinished": 86400, "backoffLimit": 0}
    spec.pop("podFailurePolicy", None)
    container = spec["template"]["spec"]["containers"][0]
    # python -I -u guard.pyz [command] --config FILE
    program = container["command"].index("--config")
    words = [word for word in container["command"][:program] if word not in ("scan", "watch")]
    container["command"] = [*words, command, *options, *container["command"][program:]]
    metadata = {"name": name, "namespace": meta["namespace"], "labels": (template.get("metadata") or {}).get("labels", {})}
    metadata |= {"annotations": {"cronjob.kubernetes.io/instantiate": "manual"}, "ownerReferences": [owner]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _touch(one: str, other: str) -> bool:
    return within(one, other) or within(other, one)
