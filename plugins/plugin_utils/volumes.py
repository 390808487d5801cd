# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of ``immich_volumes`` means. Pure functions, for the templates and for preflight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import versions
from ansible_collections.homelab.immich.plugins.module_utils.nas import export_address, nfs_path, provider_of, sentinel_path

BACKENDS = ("nfs", "storage_class", "host_path", "existing_claim")
MEDIA_LOCATIONS = ("/data", "/usr/src/app/upload")
NFS_MOUNT_OPTIONS = ("nfsvers=4.1", "hard", "noatime")  # hard: an I/O error of a soft mount looks like a deleted photo


def backends(entry: Mapping[str, Any]) -> list[str]:
    """The backend keys that a volume has; exactly one is right."""
    return [backend for backend in BACKENDS if entry.get(backend)]


def normalise(entry: Mapping[str, Any], instance: str) -> dict[str, Any]:
    """The volume with every key of the vocabulary present, and the claim that its pods mount."""
    read_only = entry.get("access") == "ro"
    nfs, host_path = (dict(entry[backend]) if entry.get(backend) else None for backend in ("nfs", "host_path"))
    static = bool(nfs or host_path)
    shared = "ReadOnlyMany" if read_only else "ReadWriteMany"
    options = list(entry.get("mount_options") or (NFS_MOUNT_OPTIONS if nfs else ()))
    on_network = bool(nfs)
    return {
        "name": entry["name"],
        "claim": entry.get("existing_claim") or f"{instance}-{entry['name']}",
        "mount": entry["mount"],
        "size": entry.get("size") or None,
        "read_only": read_only,
        "pods": list(entry.get("pods") or ["server"]),
        "access_mode": entry.get("access_mode") or (shared if static else "ReadWriteOnce"),
        "mount_options": [option for option in options if option not in ("ro", "rw")] + (["ro"] if read_only and on_network else []),
        "static": static,
        "nfs": nfs,
        # there only while the export is mounted, as the pods see it
        "sentinel": f"{entry['mount'].rstrip('/')}/{sentinel_path({'name': nfs['export']})}" if nfs else None,
        "host_path": host_path,
        "storage_class": entry.get("storage_class") or None,
        "existing_claim": entry.get("existing_claim") or None,
        # for a fsGroup the kubelet would change the group of every file that is there
        "foreign": bool(entry.get("existing_claim") or nfs and nfs.get("csi")),
    }


def resolve(entries: Iterable[Mapping[str, Any]], instance: str, nas: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All volumes, parents before what is mounted below them; an NFS export has become its server and path."""
    hosts = list(nas)
    result = [normalise(entry, instance) for entry in entries]
    for volume in result:
        if volume["nfs"]:
            source = nfs_source(volume["nfs"]["export"], hosts, volume["nfs"].get("subpath"))
            volume["nfs"] = source | {"csi": bool(volume["nfs"].get("csi"))}
    return sorted(result, key=lambda volume: volume["mount"])


def nfs_source(name: str, nas: Iterable[Mapping[str, Any]], subpath: str | None = None) -> dict[str, str]:
    """The server and path of the export that has this name, or of a folder below its root, among the variables of the NAS hosts."""
    known: list[str] = []
    found: list[tuple[str, dict[str, str]]] = []
    for host in nas:
        for export in host.get("nas_exports") or []:
            known.append(str(export["name"]))
            if export["name"] == name:
                found.append((str(host["inventory_hostname"]), {"server": export_address(host, export), "path": nfs_path(export, provider_of(host))}))
    if not found:
        exports = ", ".join(sorted(known)) or "none"
        raise ValueError(f"No host of the group nas exports {name}. Use one of its exports ({exports}), or add {name} to nas_exports.")
    if len(found) > 1:
        raise ValueError(f"Several hosts of the group nas export {name}: {', '.join(host for host, _source in found)}. Give each export a name of its own.")
    source = found[0][1]
    return source | {"path": f"{source['path'].rstrip('/')}/{subpath}"} if subpath else source


def media_location(entries: Iterable[Mapping[str, Any]], version: str) -> str:
    """Where Immich keeps its uploads: where a server volume is mounted, by preference where this version looks by itself."""
    default = versions.capabilities(version).media_location
    mounts = {entry["mount"] for entry in entries if "server" in (entry.get("pods") or ["server"])}
    return next((place for place in (default, *MEDIA_LOCATIONS) if place in mounts), default)
