# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of ``immich_volumes`` means. Pure functions, for the templates and for preflight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import versions
from ansible_collections.homelab.immich.plugins.module_utils.nas import export_address, nfs_path, provider_of, sentinel_path

BACKENDS = ("nfs", "smb", "storage_class", "host_path", "existing_claim")
MEDIA_LOCATIONS = ("/data", "/usr/src/app/upload")
NFS_MOUNT_OPTIONS = ("nfsvers=4.1", "hard", "noatime")  # hard: an I/O error of a soft mount looks like a deleted photo
SMB_MOUNT_OPTIONS = ("hard", "dir_mode=0750", "file_mode=0640")
# what the templates call the volumes that pods have of their own, and the claim of the guard
TAKEN_NAMES = ("config", "config-inventory", "config-brake", "backup-program", "guard")
TAKEN_PREFIXES = ("guard-", "scratch-", "dev-", "usr-lib-")


def backends(entry: Mapping[str, Any]) -> list[str]:
    """The backend keys that a volume has; exactly one is right."""
    return [backend for backend in BACKENDS if entry.get(backend)]


def normalise(entry: Mapping[str, Any], instance: str, run_as: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The volume with every key of the vocabulary present, and the claim that its pods mount; run_as is who they run as, root if nobody is named."""
    read_only = entry.get("access") == "ro"
    nfs, smb, host_path = (dict(entry[backend]) if entry.get(backend) else None for backend in ("nfs", "smb", "host_path"))
    static = bool(nfs or smb or host_path)
    shared = "ReadOnlyMany" if read_only else "ReadWriteMany"
    marked = nfs or (smb if smb and not smb.get("path") else None)
    return {
        "name": entry["name"],
        "claim": entry.get("existing_claim") or f"{instance}-{entry['name']}",
        "mount": entry["mount"],
        "size": entry.get("size") or None,
        "read_only": read_only,
        "pods": list(entry.get("pods") or ["server"]),
        "access_mode": entry.get("access_mode") or (shared if static else "ReadWriteOnce"),
        "mount_options": _mount_options(entry, read_only, run_as or {}),
        "static": static,
        "nfs": nfs,
        "smb": smb,
        # there only while the export is mounted, as the pods see it; a folder of a share has none
        "sentinel": f"{entry['mount'].rstrip('/')}/{sentinel_path({'name': marked['export']})}" if marked else None,
        "host_path": host_path,
        "storage_class": entry.get("storage_class") or None,
        "existing_claim": entry.get("existing_claim") or None,
        # for a fsGroup the kubelet would change the group of every file that is there
        "foreign": bool(entry.get("existing_claim") or nfs and nfs.get("csi")),
    }


def _mount_options(entry: Mapping[str, Any], read_only: bool, run_as: Mapping[str, Any]) -> list[str]:
    """The options that are given or the usual ones, and those that follow from the rest of the inventory."""
    if not entry.get("nfs") and not entry.get("smb"):
        return []
    options = [option for option in entry.get("mount_options") or (NFS_MOUNT_OPTIONS if entry.get("nfs") else SMB_MOUNT_OPTIONS) if option not in ("ro", "rw")]
    if entry.get("smb"):
        options = [option for option in options if option not in ("serverino", "noserverino")] + ["noserverino"]  # else files can be taken for each other
        said = {option.partition("=")[0] for option in options}
        options += [] if said & {"hard", "soft"} else ["hard"]  # unlike NFS, SMB is soft when nothing is said
        options += [f"{key}={int(run_as.get(key) or 0)}" for key in ("uid", "gid") if key not in said]  # there is no other owner than this
    return options + (["ro"] if read_only else [])


def resolve(
    entries: Iterable[Mapping[str, Any]], instance: str, nas: Iterable[Mapping[str, Any]], run_as: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """All volumes, parents before what is mounted below them; an export has become its server and path."""
    hosts = list(nas)
    result = [normalise(entry, instance, run_as) for entry in entries]
    for volume in result:
        if volume["nfs"]:
            source = nfs_source(volume["nfs"]["export"], hosts, volume["nfs"].get("subpath"))
            volume["nfs"] = source | {"csi": bool(volume["nfs"].get("csi"))}
        if volume["smb"]:
            volume["smb"] = smb_source(volume["smb"]["export"], hosts, volume["smb"].get("path"))
    return sorted(result, key=lambda volume: volume["mount"])


def nfs_source(name: str, nas: Iterable[Mapping[str, Any]], subpath: str | None = None) -> dict[str, str]:
    """The server and path of the export that has this name, or of a folder below its root, among the variables of the NAS hosts."""
    host, export = _exported(name, nas)
    path = nfs_path(export, provider_of(host))
    return {"server": export_address(host, export), "path": f"{path.rstrip('/')}/{subpath}" if subpath else path}


def smb_source(name: str, nas: Iterable[Mapping[str, Any]], path: str | None = None) -> dict[str, str]:
    """The server, share and folder of the SMB export that has this name, among the variables of the NAS hosts; path is empty for the whole share."""
    host, export = _exported(name, nas)
    if not export.get("share"):
        raise ValueError(f"Export {name} has no share. Set protocol: smb and share on it, or mount it with nfs.")
    return {"server": export_address(host, export), "share": str(export["share"]), "path": path or ""}


def _exported(name: str, nas: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The one export of this name, and its host."""
    exports = [(host, export) for host in nas for export in host.get("nas_exports") or []]
    found = [(host, export) for host, export in exports if export["name"] == name]
    if not found:
        known = ", ".join(sorted(str(export["name"]) for _host, export in exports)) or "none"
        raise ValueError(f"No host of the group nas exports {name}. Use one of its exports ({known}), or add {name} to nas_exports.")
    if len(found) > 1:
        hosts = ", ".join(str(host["inventory_hostname"]) for host, _export in found)
        raise ValueError(f"Several hosts of the group nas export {name}: {hosts}. Give each export a name of its own.")
    return found[0]


def media_location(entries: Iterable[Mapping[str, Any]], version: str) -> str:
    """Where Immich keeps its uploads: where a server volume is mounted, by preference where this version looks by itself."""
    default = versions.capabilities(version).media_location
    mounts = {entry["mount"] for entry in entries if "server" in (entry.get("pods") or ["server"])}
    return next((place for place in (default, *MEDIA_LOCATIONS) if place in mounts), default)
