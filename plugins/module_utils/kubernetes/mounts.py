# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the files that the running server uses stay where it finds them? Pure functions of what the API server shows."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object

Source = tuple[str, str]  # server and path of an NFS export


def claims(workload: Object) -> dict[str, str]:
    """Where the containers of a workload mount which claim."""
    pod = workload["spec"]["template"]["spec"]
    names = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in pod.get("volumes") or [] if volume.get("persistentVolumeClaim")}
    mounts = [mount for container in pod.get("containers") or [] for mount in container.get("volumeMounts") or []]
    return {_path(mount["mountPath"]): names[mount["name"]] for mount in mounts if mount["name"] in names}


def moved(server: Object, static: list[Object], volumes: list[dict[str, Any]], accepted: list[str]) -> list[str]:
    """Why a mount of the server must not change what it shows: other files there look like lost ones, or are an empty folder to start anew in."""
    running, sources = claims(server), _sources(static, server["metadata"]["namespace"])
    result = []
    for volume in volumes:
        old, new = running.get(_path(volume["mount"])), volume["claim"]
        if old is None or volume["name"] in accepted:
            continue
        before, after = sources.get(old), _source(volume.get("nfs"))
        if (before == after) if before and after else old == new:
            continue  # the same files; under another name, too
        where = f"immich_volumes, {volume['name']}: the running server has {_shown(before, old)} on {volume['mount']}, and the inventory would put"
        result.append(f"{where} {_shown(after, new)} there, which has none of its files. {_way_back(old, before, volume)}")
    return result


def _way_back(old: str, before: Source | None, volume: dict[str, Any]) -> str:
    accept = f"-e '{{\"immich_accept_moved_volumes\": [\"{volume['name']}\"]}}'"
    moves = f"To move them on purpose, scale the server to 0, copy the files there, and run once with {accept}."
    if before:
        return f"Put the old export back. {moves}"
    return f"Give the volume its old name back, or let it have existing_claim: {old}, which keeps the files. {moves}"


def _shown(source: Source | None, claim: str) -> str:
    return f"{source[0]}:{source[1]}" if source else f"claim {claim}"


def _sources(static: list[Object], namespace: str) -> dict[str, Source]:
    """The exports behind claims, of static volumes."""
    result = {}
    for item in static:
        claim, source = item["spec"].get("claimRef") or {}, _source(item["spec"].get("nfs"))
        if source and claim.get("namespace") == namespace:
            result[claim.get("name", "")] = source
    return result


def _source(nfs: dict[str, Any] | None) -> Source | None:
    return (nfs["server"], _path(nfs["path"])) if nfs else None


def _path(path: str) -> str:
    return path.rstrip("/") or "/"
