# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the files that the running server uses stay where it finds them? Pure functions of what the API server shows."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object, steps
from ansible_collections.homelab.immich.plugins.module_utils.paths import within

PAGE = "docs/storage.md"
Source = tuple[str, str]  # where the files of a static volume are: an NFS server, an SMB share or a node, and a path


def claims(workload: Object) -> dict[str, str]:
    """Where the containers of a workload mount which claim."""
    pod, names = workload["spec"]["template"]["spec"], _names(workload)
    mounts = [mount for container in pod.get("containers") or [] for mount in container.get("volumeMounts") or []]
    return {_path(mount["mountPath"]): names[mount["name"]] for mount in mounts if mount["name"] in names}


def _names(workload: Object) -> dict[str, str]:
    """The claims of a workload, by the names that its volumes have."""
    volumes = workload["spec"]["template"]["spec"].get("volumes") or []
    return {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in volumes if volume.get("persistentVolumeClaim")}


def moved(
    server: Object, static: list[Object], volumes: list[dict[str, Any]], accepted: list[str], media: str = "/data", beside: list[Object] | None = None
) -> list[str]:
    """Why a mount of the server must not change what it shows: other files there look like lost ones, or are an empty folder to start anew in.

    C(media) is where the media location will be. Immich rewrites its paths when that moves, so what is mounted below moves with it. C(beside) are the
    other Deployments of the instance.
    """
    was, stop = media_location(server) or media, f"kubectl scale deployment {_users(server, beside or [])} -n {server['metadata']['namespace']} --replicas=0"
    running = {_moved_along(mount, was, media): claim for mount, claim in claims(server).items()}
    sources = _sources(static, server["metadata"]["namespace"])
    result = []
    for volume in volumes:
        if volume["name"] in accepted:
            continue
        mount, new = _path(volume["mount"]), volume["claim"]
        old = running.get(mount)
        if old is None:
            result += _hides(volume, [place for place in running if within(mount, place)], stop)
            continue
        before, after = sources.get(old), _wanted(volume)
        if (before == after) if before and after else old == new:
            continue  # the same files; under another name, too
        where = f"immich_volumes, {volume['name']}: the running server has {_shown(before, old)} on {mount}, and the inventory would put"
        result.append(f"{where} {_shown(after, new)} there, which has none of its files. {_way_back(old, before, volume)}")
    wanted = {_path(volume["mount"]) for volume in volumes}
    gone = {mount: claim for mount, claim in running.items() if mount.startswith(f"{media.rstrip('/')}/") and mount not in wanted}
    names = {claim: volume for volume, claim in _names(server).items()}
    return result + [_uncovers(names[claim], mount, claim, media, stop) for mount, claim in gone.items() if names[claim] not in accepted]


def _users(server: Object, beside: list[Object]) -> str:
    """The server, and who else has one of its volumes."""
    mine = set(claims(server).values())
    return " ".join([server["metadata"]["name"], *(item["metadata"]["name"] for item in beside if item is not server and mine & set(claims(item).values()))])


def media_location(server: Object) -> str:
    """Where the server has its media location; empty when it does not say."""
    containers = server["spec"]["template"]["spec"].get("containers") or []
    found = [item.get("value") or "" for container in containers for item in container.get("env") or [] if item["name"] == "IMMICH_MEDIA_LOCATION"]
    return _path(found[0]) if found and found[0].startswith("/") else ""


def _moved_along(mount: str, was: str, media: str) -> str:
    """Where a mount will be when the media location moves."""
    return media.rstrip("/") + mount.removeprefix(was) if mount == was or mount.startswith(f"{was}/") else mount


def _hides(volume: dict[str, Any], above: list[str], stop: str) -> list[str]:
    """Why a volume must not be mounted in one that the server uses already."""
    if not above:
        return []
    name, mount = volume["name"], volume["mount"]
    where = f"immich_volumes, {name}: the running server has {mount} in its volume on {max(above, key=len)}"
    todo = [
        f"Let it have mount: /mnt/{name} for now, and run again: that makes it.",
        stop,
        f"Copy everything from the folder {mount} to it, .immich too ({PAGE} has a pod that does it).",
        f"Let it have mount: {mount} again, and run once with {_accept(name)}. The old files stay below it; delete them when all is well.",
    ]
    return [
        f"{where}, and a volume of its own would hide the files that are there, with the .immich by which Immich knows the folder."
        f" Remove the volume, or move the files: {steps(todo)}"
    ]


def _uncovers(name: str, mount: str, claim: str, media: str, stop: str) -> str:
    """Why a volume in the media location must not just go: what is below it takes its place."""
    todo = [
        stop,
        f"Copy everything from the claim {claim} to the folder {mount.removeprefix(media).strip('/')} of the volume on {media}, .immich too ({PAGE}).",
        f"Run once with {_accept(name)}.",
    ]
    return (
        f"immich_volumes, {name}: the running server has claim {claim} on {mount}, and without it Immich would look in its volume on {media}, which has none of"
        f" these files. Put the entry back, or move the files: {steps(todo)}"
    )


def _accept(name: str) -> str:
    return f'-e \'{{"immich_accept_moved_volumes": ["{name}"]}}\''


def _way_back(old: str, before: Source | None, volume: dict[str, Any]) -> str:
    moves = f"To move them on purpose, scale the server to 0, copy the files there ({PAGE}), and run once with {_accept(volume['name'])}."
    if before:
        return f"Put the old {'export' if volume.get('nfs') else 'place'} back. {moves}"
    return f"Give the volume its old name back, or let it have existing_claim: {old}, which keeps the files. {moves}"


def _shown(source: Source | None, claim: str) -> str:
    return f"{source[0]}:{source[1]}" if source else f"claim {claim}"


def _sources(static: list[Object], namespace: str) -> dict[str, Source]:
    """Where the files behind claims are, of static volumes."""
    result = {}
    for item in static:
        claim, source = item["spec"].get("claimRef") or {}, _source(item["spec"])
        if source and claim.get("namespace") == namespace:
            result[claim.get("name", "")] = source
    return result


def _source(spec: dict[str, Any]) -> Source | None:
    """Where the files of a live volume are; the NFS driver and the kubelet's own client lead to the same ones."""
    if spec.get("nfs"):
        return spec["nfs"]["server"], _path(spec["nfs"]["path"])
    attributes = (spec.get("csi") or {}).get("volumeAttributes") or {}
    if "source" in attributes:
        return attributes["source"], _path(attributes.get("subDir") or "/")
    if "share" in attributes:
        return attributes["server"], _path(attributes["share"])
    if spec.get("hostPath"):
        terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or []
        nodes = [node for term in terms for match in term.get("matchExpressions") or [] for node in match.get("values") or []]
        return ", ".join(nodes) or "node", _path(spec["hostPath"]["path"])
    return None


def _wanted(volume: dict[str, Any]) -> Source | None:
    """Where the files of a wanted volume are, as the filter volumes gives it."""
    if volume.get("nfs"):
        return volume["nfs"]["server"], _path(volume["nfs"]["path"])
    if smb := volume.get("smb"):
        return f"//{smb['server']}/{smb['share']}", _path(smb["path"] or "/")
    if volume.get("host_path"):
        return volume["host_path"].get("node") or "node", _path(volume["host_path"]["path"])
    return None


def _path(path: str) -> str:
    return path.rstrip("/") or "/"
