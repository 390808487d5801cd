# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: what each one is made of, where it is mounted, and who may write to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from ansible_collections.homelab.immich.plugins.module_utils import nas, nas_access
from ansible_collections.homelab.immich.plugins.module_utils.immich import versions
from ansible_collections.homelab.immich.plugins.module_utils.paths import parts, within
from ansible_collections.homelab.immich.plugins.plugin_utils import volumes
from ansible_collections.homelab.immich.plugins.plugin_utils.pod_groups import fs_groups_of, groups_of

from ..model import Host, Inventory, Item, Problem, did_you_mean, either, listed

# mounting here would hide what the containers need to start
_SYSTEM = ("/", "/bin", "/build", "/dev", "/etc", "/lib", "/lib64", "/opt", "/proc", "/sbin", "/sys", "/usr", "/usr/src", "/usr/src/app", "/usr/src/app/server")


_MANY = "access_mode: ReadWriteMany with a storage class that can, such as CephFS or Longhorn"


class Export(NamedTuple):
    """An export and the NAS that has it."""

    nas: Host
    item: Item

    def __str__(self) -> str:
        return f"export {self.item.get('name')} of NAS {self.nas.name}"


class Folder(NamedTuple):
    """Where the bytes of a volume are: two volumes with nested folders share files."""

    server: str  # of an export, with an SMB share; or cluster and node
    parts: tuple[str, ...]

    def overlaps(self, other: Folder) -> bool:
        """Whether one is the other, or in it."""
        shorter = min(len(self.parts), len(other.parts))
        return self.server == other.server and self.parts[:shorter] == other.parts[:shorter]


def export_of(inventory: Inventory, volume: Item) -> Export | None:
    """The export that a volume names; None when there is none of this name, or more than one, or it makes no sense by itself."""
    found = exports_named(inventory, _export_name(volume))
    if len(found) != 1 or nas.problems(found[0].item.value, nas.provider_of(found[0].nas.values)):
        return None
    return found[0]


def exports_named(inventory: Inventory, name: str) -> list[Export]:
    """Every export of this name."""
    return [Export(host, item) for host in inventory.nas for item in host.list("nas_exports") if name and item.get("name") == name]


def folder_of(inventory: Inventory, volume: Item) -> Folder | None:
    """The folder of a NAS or a node that a volume is; None for another kind of volume."""
    if on_node := volume.get("host_path"):
        context = next((host.get("immich_context") for host in inventory.instances if host.name == volume.host), "")
        return Folder(f"{context}/{on_node.get('node') or ''}", parts(str(on_node.get("path") or "")))
    export = export_of(inventory, volume)
    if export is None:
        return None
    address = nas.export_address({"inventory_hostname": export.nas.name, **export.nas.values}, export.item.value)
    if export.item.get("protocol") == "smb":
        return Folder(f"//{address}/{export.item.get('share')}", parts(str((volume.get("smb") or {}).get("path") or "")))
    return Folder(address, parts(nas.nfs_path(export.item.value, nas.provider_of(export.nas.values))) + parts(_subpath(volume)))


def pods_of(volume: Item) -> list[str]:
    """Which pods mount a volume."""
    return [pod for pod in volume.get("pods", ["server"]) if pod]


def writes(host: Host, volume: Item) -> bool:
    """Whether the pods may write to a volume; an access that is neither rw nor ro says nothing."""
    return volume.get("access", "rw") == "rw" and host.sound(*volume.at, "access")


def media_location(host: Host) -> str | None:
    """Where the server keeps uploads; None when the version does not say."""
    try:
        named = host.get("immich_server_env", {}).get("IMMICH_MEDIA_LOCATION")
        return named or volumes.media_location([volume.value for volume in server_volumes(host)], host.get("immich_version", ""))
    except versions.VersionError:
        return None


def server_volumes(host: Host) -> list[Item]:
    """What the server mounts."""
    return [volume for volume in host.list("immich_volumes") if volume.get("mount") and "server" in pods_of(volume)]


def media_volume(host: Host) -> Item | None:
    """The volume that holds the uploads."""
    location = media_location(host)
    return next((volume for volume in server_volumes(host) if volume.get("mount") == location), None)


def one_backend(inventory: Inventory) -> Iterator[Problem]:
    """A volume is made of exactly one thing."""
    for host in inventory.instances:
        for volume in host.list("immich_volumes"):
            named = volumes.backends(volume.value)
            if len(named) > 1:
                yield volume.problem(f"{' and '.join(named)} are both set. A volume has exactly one of {either(volumes.BACKENDS)}: keep one.", named[1])
            elif not named and host.sound(*volume.at):
                yield volume.problem(f"nothing says what it is made of. Set one of {either(volumes.BACKENDS)}.")


def needs(inventory: Inventory) -> Iterator[Problem]:
    """What each backend needs, and what it cannot have."""
    for host in inventory.instances:
        for volume in host.list("immich_volumes"):
            if volume.get("size") is None and len(volumes.backends(volume.value)) == 1 and not volume.get("existing_claim") and host.sound(*volume.at):
                yield volume.problem("size is not set. Write a Kubernetes quantity such as 200Gi; on NFS it is bookkeeping only.", "size")
            if volume.get("mount_options") and not volume.get("nfs") and not volume.get("smb"):
                yield volume.problem("mount_options are for NFS and SMB, and this volume is on neither. Remove them.", "mount_options")
            folder = str((volume.get("smb") or {}).get("path") or "")
            if folder and not nas.is_subpath(folder):
                yield volume.problem(f"smb.path is {folder}. Write a folder of the share, without a slash at either end and without dots.", "smb", "path")
            path = str((volume.get("host_path") or {}).get("path") or "")
            if path and (path != f"/{'/'.join(parts(path))}" or {".", ".."} & set(parts(path)) or path == "/"):
                yield volume.problem(f"host_path.path is {path}. Write a folder from the root, without dots or a slash at its end.", "host_path", "path")


def mounted_hard(inventory: Inventory) -> Iterator[Problem]:
    """A NAS that does not answer is waited for: an I/O error counts as a deleted file."""
    for host in inventory.instances:
        precious = [media_location(host) or "", *(str(path) for library in host.list("immich_libraries") for path in library.get("import_paths", []))]
        for volume in host.list("immich_volumes"):
            mount = str(volume.get("mount") or "")
            given = [part.strip() for option in volume.get("mount_options", []) for part in str(option).split(",")]
            for option in [option for option in given if option in ("soft", "softerr")]:
                holds = mount and any(path and (within(path, mount) or within(mount, path)) for path in precious)
                text = f"mount_options have {option}: an I/O error then looks like a deleted photo, and Immich puts it in the trash. Use hard."
                yield volume.problem(text, "mount_options", warning=not holds)


def access_modes(inventory: Inventory) -> Iterator[Problem]:
    """An access mode with which all its pods can have the volume: on several nodes there are more mounts than one."""
    for host in inventory.instances:
        scaled = scaled_pods(host)
        for volume in host.list("immich_volumes"):
            mode = volume.get("access_mode") or ("ReadWriteOnce" if volume.get("storage_class") else "")
            pods = [pod for pod in dict.fromkeys(pods_of(volume)) if pod != "machine-learning" or host.get("immich_machine_learning_enabled", True)]
            if mode == "ReadOnlyMany" and volume.get("access_mode") and writes(host, volume):
                yield volume.problem("access_mode is ReadOnlyMany, but access is rw. Set access: ro, or another access_mode.", "access_mode")
            elif mode.startswith("ReadWriteOnce") and len(pods) > 1:
                yield volume.problem(
                    f"access_mode is {mode}, but {' and '.join(pods)} mount it: on two nodes one of them would stay Pending. "
                    f"Give each a volume of its own, or set {_MANY}.",
                    "access_mode",
                )
            elif mode.startswith("ReadWriteOnce") and (why := next((scaled[pod] for pod in pods if pod in scaled), "")):
                yield volume.problem(f"access_mode is {mode}, but {why}: its pods would need one node, or stay Pending. Set {_MANY}.", "access_mode")


def scaled_pods(host: Host) -> dict[str, str]:
    """The pods that there is more than one of, and why."""
    result = {}
    for pod, variable in (("server", "immich_server"), ("machine-learning", "immich_machine_learning")):
        most = (host.get(f"{variable}_autoscaling") or {}).get("max") or 1
        if isinstance(most, int) and most > 1:
            result[pod] = f"{variable}_autoscaling.max is {most}"
        elif pod == "server" and host.get("immich_workers") == "split":
            result[pod] = "immich_workers is split"
    return result


def one_node(inventory: Inventory) -> Iterator[Problem]:
    """Folders of two nodes are in no pod together."""
    for host in inventory.instances:
        for first, second in combinations(list(host.list("immich_volumes")), 2):
            nodes = [str((volume.get("host_path") or {}).get("node") or "") for volume in (first, second)]
            both = [pod for pod in pods_of(first) if pod in pods_of(second)]
            if all(nodes) and nodes[0] != nodes[1] and both:
                yield second.problem(
                    f"host_path.node is {nodes[1]}, and {first} is on {nodes[0]}, but {both[0]} mounts both: no node could take it. "
                    "Put both folders on one node, or use nfs or a storage_class.",
                    "host_path",
                    "node",
                )


def no_foreign_group(inventory: Inventory) -> Iterator[Problem]:
    """No patch brings in the fsGroup that is left out on purpose."""
    for host in inventory.instances:
        for volume in host.list("immich_volumes"):
            owned = volume.get("existing_claim") or (volume.get("nfs") or {}).get("csi")
            patched = sorted({group for pod in pods_of(volume) for group in fs_groups_of(host.values, pod)}) if host.sound("immich_patches") else []
            if owned and patched and writes(host, volume):
                yield volume.problem(
                    f"a patch in immich_patches sets fsGroup {patched[0]} on a pod that mounts it, and the kubelet would change the group of every file in it. "
                    "Use supplementalGroups in the patch, or set access: ro."
                )


def known_exports(inventory: Inventory) -> Iterator[Problem]:
    """A volume names an export that one NAS has, over the protocol that it is mounted with."""
    names = sorted({str(item.get("name")) for host in inventory.nas for item in host.list("nas_exports") if item.get("name")})
    for host in inventory.instances:
        for volume in host.list("immich_volumes"):
            name, protocol = _export_name(volume), "smb" if volume.get("smb") else "nfs"
            found = exports_named(inventory, name)
            if name and not found and all(host.sound("nas_exports") for host in inventory.nas):
                offered = f"nas_exports of the group nas name {listed(names)}." if names else "No host of the group nas has nas_exports."
                yield volume.problem(f"no NAS has an export {name}. {offered}{did_you_mean(name, names)}", protocol, "export")
            elif len({export.nas.name for export in found}) > 1:
                where = " and on ".join(export.nas.name for export in found)
                yield volume.problem(f"export {name} is on {where}. Give the exports different names.", protocol, "export")
            elif found and found[0].item.get("protocol", "nfs") != protocol:
                other = found[0].item.get("protocol", "nfs")
                yield volume.problem(f"{found[0]} is {other.upper()}. Mount it with {other}: {{export: {name}}}.", protocol, "export")


def known_subpaths(inventory: Inventory) -> Iterator[Problem]:
    """A volume that mounts a folder of an export names one that the export declares: those exist, and have a sentinel."""
    for _host, volume, export in _exported(inventory):
        subpath, declared = _subpath(volume), nas.normalise(export.item.value)["subpaths"]
        if subpath and subpath not in declared:
            offered = f"It has subpaths {listed(declared)}." if declared else "It has no subpaths."
            meant = did_you_mean(subpath, declared)
            yield volume.problem(f"{export} has no subpath {subpath}. {offered}{meant} Add it there, or correct nfs.subpath.", "nfs", "subpath")


def access_matches(inventory: Inventory) -> Iterator[Problem]:
    """What is read-only on the NAS cannot be written by Immich."""
    for host, volume, export in _exported(inventory):
        if writes(host, volume) and export.item.get("access") == "ro":
            yield volume.problem(f"access is rw, but {export} is read-only. Set access: ro, or access: rw on the export.", "access")


def read_only_export(inventory: Inventory) -> Iterator[Problem]:
    """What Immich only reads is exported for reading, by a NAS that this collection sets up."""
    writers = {(export.nas.name, export.item.get("name")) for host, volume, export in _exported(inventory) if writes(host, volume)}
    seen = set()
    for _host, volume, export in _exported(inventory):
        one = export.nas.name, export.item.get("name")
        if one in writers | seen or export.item.get("access", "rw") != "rw" or nas.provider_of(export.nas.values) == "none":
            continue
        seen.add(one)
        yield volume.problem(
            f"access is ro, but {export} lets every client write. Set access: ro on the export, too, unless somebody else writes there by NFS.", warning=True
        )


def owner_matches(inventory: Inventory) -> Iterator[Problem]:
    """The uid of the pods, as the NAS sees it, may do what the volume is for."""
    for host, volume, export in _exported(inventory):
        action = "write" if writes(host, volume) else "read"
        if export.item.get("protocol") == "smb" or (action == "write" and export.item.get("access") == "ro") or not host.sound("immich_run_as"):
            continue  # said elsewhere
        run_as = host.get("immich_run_as", {})
        uid, gid = run_as.get("uid", 0), run_as.get("gid", 0)
        groups = groups_of(host.values, pods_of(volume)) if host.sound("immich_patches") else []
        answer = nas_access.can(uid, gid, groups, export.item.value, action)
        if answer.allowed is False:
            who = f"immich_run_as is {uid}:{gid}" if run_as else "immich_run_as is not set, so the pods run as root"
            yield volume.problem(
                f"Immich may not {'write to' if action == 'write' else 'read'} {export}: {answer.reason}. "
                f"{who}; set it to the owner of the folder, or change squash or owner of the export.",
                "nfs",
            )
        counted = groups and answer.allowed and nas.provider_of(export.nas.values) in ("linux", "none")
        if counted and not nas_access.can(uid, gid, (), export.item.value, action).allowed:
            yield volume.problem(
                f"Immich may {action} on {export} by its supplemental groups {listed(groups)} alone, and a server with manage-gids, the default of Debian and "
                f"Ubuntu, does not count them. Give uid {uid} an account with the group on the NAS, or set manage-gids=n there (docs/nas.md).",
                "nfs",
                warning=True,
            )


def names(inventory: Inventory) -> Iterator[Problem]:
    """A volume has no name that a pod has given to a volume of its own: Kubernetes would take neither."""
    for host in inventory.instances:
        for volume in host.list("immich_volumes"):
            name = str(volume.get("name"))
            if name in volumes.TAKEN_NAMES or name.startswith(volumes.TAKEN_PREFIXES):
                yield volume.problem(f"the name {name} is one that the pods need for themselves. Choose another, such as my-{name}.", "name")


def mounts(inventory: Inventory) -> Iterator[Problem]:
    """Each mount is an absolute folder, of one volume, and hides nothing that the container needs."""
    for host in inventory.instances:
        mounted = [volume for volume in host.list("immich_volumes") if volume.get("mount")]
        for volume in mounted:
            mount = str(volume.get("mount"))
            clean = "/" + "/".join(part for part in parts(mount) if part not in (".", ".."))
            if mount != clean or ":" in mount:
                yield volume.problem(f"mount is {mount}. Write an absolute folder, without a slash at its end, such as {clean.replace(':', '')}.", "mount")
            elif mount in _SYSTEM or within(mount, "/proc") or within(mount, "/sys") or within(mount, "/dev"):
                yield volume.problem(f"mount {mount} would hide what the container needs. Mount it elsewhere, such as /mnt/{volume.get('name')}.", "mount")
        for first, second in combinations(mounted, 2):
            if not set(pods_of(first)) & set(pods_of(second)):
                continue
            if parts(str(first.get("mount"))) == parts(str(second.get("mount"))):
                yield second.problem(f"mount {second.get('mount')} is the mount of {first} too. Give each volume a mount of its own.", "mount")
                continue
            outer, inner = sorted((first, second), key=lambda volume: len(parts(str(volume.get("mount")))))
            if within(str(inner.get("mount")), str(outer.get("mount"))) and outer.get("access") == "ro":
                yield inner.problem(
                    f"mount {inner.get('mount')} is in {outer}, which is read-only, so nobody can make the folder to mount it on. "
                    f"Make sure that it exists there, or mount it elsewhere.",
                    "mount",
                    warning=True,
                )


def media(inventory: Inventory) -> Iterator[Problem]:
    """One volume holds the uploads, and the server may write to it."""
    for host in inventory.instances:
        location = media_location(host)
        if location is None or not host.sound("immich_volumes"):
            continue
        volume = media_volume(host)
        if volume is None:
            mounted = [f"{other.get('mount')} ({', '.join(pods_of(other))})" for other in host.list("immich_volumes") if other.get("mount")]
            yield Problem(
                host.name,
                f"immich_volumes: none is mounted at {location} in the server, where Immich {host.get('immich_version')} keeps what is uploaded. "
                f"Mounted are {listed(mounted, 'none')}. Add one, such as {{name: media, mount: {location}, size: 1Ti, nfs: {{export: …}}}}.",
                ("immich_volumes",),
            )
        elif volume.get("access") == "ro":
            yield volume.problem(f"access is ro, but Immich keeps what is uploaded in {location}. Set access: rw.", "access")
        for part in [volume for volume in server_volumes(host) if volume.get("mount") in (f"{location}/upload", f"{location}/library")]:
            yield part.problem(
                f"mount is {part.get('mount')}. Immich moves what is uploaded from upload to library, and between two volumes each move is a copy. "
                f"Keep both in the volume of {location}.",
                "mount",
                warning=True,
            )


def not_shared(inventory: Inventory) -> Iterator[Problem]:
    """What one instance writes, no other has: two would delete and rename each other's files."""
    everything = [(host, volume) for host in inventory.instances for volume in host.list("immich_volumes")]
    for (one, first), (other, second) in combinations(everything, 2):
        how = "" if one.name == other.name else _shared(inventory, (one, first), (other, second))
        writers = [f"{volume} of {host.name}" for host, volume in ((one, first), (other, second)) if writes(host, volume)]
        if how and writers:
            yield Problem(
                one.name,
                f"{first} of {one.name} {how} {second} of {other.name}, and {' and '.join(writers)} may write to it. "
                "Give each instance a folder of its own, or set access: ro on both.",
                first.at,
                (other.name,),
            )


def _shared(inventory: Inventory, first: tuple[Host, Item], second: tuple[Host, Item]) -> str:
    """How two volumes have files in common; empty when they have none."""
    here, there = folder_of(inventory, first[1]), folder_of(inventory, second[1])
    if here and there and here.overlaps(there):
        return "is the same folder as" if here == there else "is in the folder of" if len(here.parts) > len(there.parts) else "is the parent folder of"
    claims = [
        (host.get("immich_context"), host.get("immich_namespace"), volume.get("existing_claim") or f"{host.get('immich_name')}-{volume.get('name')}")
        for host, volume in (first, second)
    ]
    named = first[1].get("existing_claim") or second[1].get("existing_claim")
    return "is the same claim as" if named and claims[0] == claims[1] else ""


def unique_names(inventory: Inventory) -> Iterator[Problem]:
    """A volume's name becomes the name of its claim."""
    for host in inventory.instances:
        seen: dict[str, Item] = {}
        for volume in host.list("immich_volumes"):
            name = str(volume.get("name", ""))
            if name and name in seen:
                yield volume.problem(f"the name is taken by immich_volumes[{seen[name].at[1]}]. Give each volume a name of its own.", "name")
            seen.setdefault(name, volume)


def _export_name(volume: Item) -> str:
    return str((volume.get("nfs") or volume.get("smb") or {}).get("export") or "")


def _subpath(volume: Item) -> str:
    return str((volume.get("nfs") or {}).get("subpath") or "")


def _exported(inventory: Inventory) -> Iterator[tuple[Host, Item, Export]]:
    """Every volume whose export is found and makes sense."""
    for host in inventory.instances:
        for volume in host.list("immich_volumes"):
            export = export_of(inventory, volume)
            if export is not None:
                yield host, volume, export


RULES = (
    one_backend,
    needs,
    mounted_hard,
    access_modes,
    one_node,
    no_foreign_group,
    known_exports,
    known_subpaths,
    access_matches,
    read_only_export,
    owner_matches,
    names,
    mounts,
    media,
    not_shared,
    unique_names,
)
