# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ``backup`` of a volume means, and what of an instance has no copy. Pure functions, for the templates and for preflight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.homelab.immich.plugins.module_utils.paths import within
from ansible_collections.homelab.immich.plugins.module_utils.volume_backup.config import DEFAULT_MAX_REMOVED

from .secrets import IN_CLUSTER, Purpose, record, source_of
from .secrets import missing as no_source
from .secrets import problems as source_problems

PURPOSE = "volume_backup"
# the folders of the media location that nobody can make again; thumbs and encoded-video come back by a job
ORIGINALS = ("upload", "library", "profile", "backups")
RETAIN = {"daily": 7, "weekly": 4, "monthly": 6}  # VolSync itself would keep the last one only
PRUNE_INTERVAL_DAYS = 7
NFS_MOUNT = "repository"  # VolSync mounts it as /mnt/repository
# what restic needs beside its password, by the kind of repository
_KEYS = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "b2": ("B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"),
    "azure": ("AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_KEY"),
    "gs": ("GOOGLE_PROJECT_ID", "GOOGLE_APPLICATION_CREDENTIALS"),
    "rest": (),
}
_OPTIONAL = {
    "s3": ("AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"),
    "rest": ("RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"),
}
_PORTS = {"s3": 443, "b2": 443, "azure": 443, "gs": 443, "rest": 8000}


def entries(volume: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The backups of a volume as the inventory has them: one mapping, or a list of them."""
    given = volume.get("backup")
    return [entry for entry in (given if isinstance(given, list) else [given]) if isinstance(entry, Mapping)]


def kind_of(repository: str) -> str:
    """What restic calls the kind of a repository: s3, b2, ...; empty for a folder."""
    head, colon, _rest = repository.partition(":")
    return head if colon and "/" not in head else ""


def repository_problem(repository: str, on_nfs: bool) -> str:
    """What is wrong with the address of a repository; nothing when it is fine."""
    kind, known = kind_of(repository), ", ".join(f"{name}:" for name in _KEYS)
    if re.search(r"//[^/@]*:[^/@]*@", repository):
        return "it has a password in it. Put RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD into the Secret, and take them out of the address."
    if kind == "":
        if not on_nfs or not re.fullmatch(rf"/mnt/{NFS_MOUNT}(/[^/]+)+", repository):
            return f"a folder is one of an export: set nfs beside it, and write /mnt/{NFS_MOUNT}/ and a folder there. Otherwise begin with one of {known}."
        return ""
    if on_nfs:
        return f"nfs is set, but the repository is not on it. Write /mnt/{NFS_MOUNT}/ and a folder there, or remove nfs."
    if kind not in _KEYS:
        return f"VolSync cannot use {kind}:. Begin with one of {known}."
    if kind == "s3" and not re.match(r"s3:(https?://)?[^/:\s]+(:\d+)?/[^/\s]+", repository):
        return "write server and bucket, such as s3:https://s3.example.net/bucket/immich/media."
    return ""


def purpose_for(repository: str, fixed: bool = True) -> Purpose:
    """What has to be in the Secret of a repository. Where nothing can be added to it (`fixed` is False), the repository too."""
    kind = kind_of(repository)
    own = {"RESTIC_REPOSITORY": repository} if fixed else {}
    return Purpose(("RESTIC_REPOSITORY", "RESTIC_PASSWORD", *_KEYS.get(kind, ())), optional=_OPTIONAL.get(kind, ()), fixed=own)


def purpose_name(entry: Mapping[str, Any]) -> str:
    """The entry of immich_secrets that a backup takes its Secret from."""
    return str(entry.get("secret") or PURPOSE)


def names(volume: str, entry: Mapping[str, Any], instance: str) -> dict[str, str]:
    """How the objects of a backup are called."""
    of = "-".join(part for part in (volume, str(entry.get("name") or "")) if part)
    return {"name": f"{instance}-{of}", "job": f"{instance}-backup-{of}", "secret": f"{instance}-backup-{of}"}


def resolve(
    given: Iterable[Mapping[str, Any]],
    volumes: Iterable[Mapping[str, Any]],
    instance: str,
    sources: Mapping[str, Any],
    run_as: Mapping[str, Any],
    snapshot_classes: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Every backup of an instance; `given` is immich_volumes, and `volumes` what has been made of it."""
    by_name = {volume["name"]: volume for volume in volumes}
    result = []
    for one in given:
        volume = by_name[one["name"]]
        for entry in entries(one):
            who = entry.get("run_as") or run_as or {}
            snapshot_class = entry.get("snapshot_class") or snapshot_classes.get(volume["storage_class"] or "")
            copy_method = entry.get("copy_method") or ("Snapshot" if snapshot_class else "Direct")
            own = names(volume["name"], entry, instance)
            existing = (sources.get(purpose_name(entry)) or {}).get("existing")
            result.append(
                {
                    **own,
                    "secret": existing or own["secret"],
                    "volume": volume,
                    "schedule": entry["schedule"],
                    "repository": entry["repository"],
                    "port": port_of(entry["repository"]),
                    "nfs": entry.get("nfs"),
                    "ca": _ca(entry.get("ca") or {}),
                    "retain": entry.get("retain") or RETAIN,
                    "prune_interval_days": entry.get("prune_interval_days", PRUNE_INTERVAL_DAYS),
                    "copy_method": copy_method,
                    "snapshot_class": snapshot_class if copy_method == "Snapshot" else None,
                    "uid": int(who.get("uid") or 0),
                    "gid": int(who.get("gid") or 0),
                    # for the cache volume; on files of somebody else it could change the group of every photo, unless they are a copy
                    "fs_group": not volume["foreign"] or copy_method == "Snapshot",
                    "cache_size": entry.get("cache_size"),
                    "max_removed": str(entry.get("max_removed", DEFAULT_MAX_REMOVED)),
                }
            )
    return result


def _ca(given: Mapping[str, Any]) -> dict[str, str] | None:
    """The certificate of a repository, as VolSync has it."""
    places = {"configMapName": given.get("config_map"), "secretName": given.get("secret")}
    return {**{field: name for field, name in places.items() if name}, "key": given.get("key") or "ca.crt"} if any(places.values()) else None


def secrets(sources: Mapping[str, Any], given: Iterable[Mapping[str, Any]], instance: str, rehearsal: bool) -> list[dict[str, Any]]:
    """The Secret of each backup. VolSync wants repository and credentials in one, so each has its own, although several may have the same source."""
    result = []
    for volume in given:
        for entry in entries(volume):
            name = purpose_name(entry)
            source, what = source_of(sources.get(name) or {})
            complete = source in ("existing", "onepassword")  # nothing can be added to these
            purpose = purpose_for(str(entry["repository"]), fixed=not complete)
            secret = what if source == "existing" else names(volume["name"], entry, instance)["secret"]
            if rehearsal and source not in IN_CLUSTER:
                source, what, purpose = "generated", None, purpose_for(str(entry["repository"]))
            elif source == "generated":
                raise ValueError(no_source(name, purpose_for(str(entry["repository"]))))
            result.append(record(name, purpose, secret, [""], source, what))
    return result


def problems(name: str, entry: Any, repository: str) -> list[str]:
    """What is wrong with the entry of immich_secrets that a backup takes, one sentence each."""
    return source_problems(name, entry, [name], purpose_for(repository))


def serves_one(entry: Any) -> str:
    """Why a source can serve one backup only; nothing when it can serve several."""
    source, _given = source_of(entry if isinstance(entry, Mapping) else {})
    if source in ("existing", "onepassword"):
        return "its Secret has RESTIC_REPOSITORY in it, which is another for each"
    return "kubeseal made its values for one name" if source == "sealed" else ""


def port_of(repository: str) -> int | None:
    """The port at which a repository is reached; None for a folder, which the node mounts."""
    kind = kind_of(repository)
    address = repository.partition(":")[2]
    parts = urlsplit(address if "//" in address else f"//{address}")
    if kind not in ("s3", "rest"):
        return _PORTS.get(kind)
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme, _PORTS[kind])


def holder(folder: str, volumes: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The volume of the server that a folder is on: the one that is mounted nearest above it."""
    served = [volume for volume in volumes if volume.get("mount") and "server" in (volume.get("pods") or ["server"]) and within(folder, str(volume["mount"]))]
    return max(served, key=lambda volume: len(str(volume["mount"]).rstrip("/")), default=None)
