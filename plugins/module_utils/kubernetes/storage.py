# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Can a claim of this class, or one that somebody made, be what the inventory takes it for? Pure functions of what the API server shows."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object
from ansible_collections.homelab.immich.plugins.module_utils.paths import within

LONGHORN = "driver.longhorn.io"
DRIVERS = {
    "nfs.csi.k8s.io": ("nfs.csi", "csi-driver-nfs (https://github.com/kubernetes-csi/csi-driver-nfs), or set csi: false"),
    "smb.csi.k8s.io": ("smb", "csi-driver-smb (https://github.com/kubernetes-csi/csi-driver-smb), or mount the export by NFS"),
}
# What hands out a disk of one node, or a block device: several nodes cannot write to a file system on it.
ONE_NODE = (
    "rancher.io/local-path",
    "*/hostpath",
    "openebs.io/local",
    "local.csi.openebs.io",
    "zfs.csi.openebs.io",
    "topolvm.io",
    "*rbd.csi.ceph.com",  # Rook puts its namespace in front
    "*.democratic-csi.iscsi",
    "*.democratic-csi.*-iscsi",
    "*.democratic-csi.nvmeof",
    "*.democratic-csi.*-nvmeof",
    "*.democratic-csi.local-hostpath",
)
SYNOLOGY = "csi.san.synology.com"  # iSCSI unless its parameter protocol says otherwise
NETWORK_SHARES = (
    "nfs.csi.k8s.io",
    "smb.csi.k8s.io",
    "*nfs-client*",
    "*nfs-subdir-external-provisioner*",
    "*/nfs",
    "*nfs.csi.ceph.com",
    "*.democratic-csi.nfs",
    "*.democratic-csi.*-nfs",
    "*.democratic-csi.smb",
    "*.democratic-csi.*-smb",
)
FILE_SYSTEMS = (  # that several nodes can write to
    LONGHORN,
    SYNOLOGY,
    "*cephfs.csi.ceph.com",
    "csi.juicefs.com",
    "csi.trident.netapp.io",
    "efs.csi.aws.com",
    "file.csi.azure.com",
    "filestore.csi.storage.gke.io",
    "pxd.portworx.com",
    "seaweedfs-csi-driver",
    "rehearsal.homelab.immich/*",
)
SOFT = re.compile(r"(?:^|,)\s*(soft|softerr)\s*(?:,|$)")


@dataclass
class Storage:
    """What the cluster has of storage."""

    classes: dict[str, Object] = field(default_factory=dict)
    drivers: list[str] | None = None  # None: nobody asked, or the kubeconfig may not list them
    claims: dict[str, Object] = field(default_factory=dict)  # of the namespace, those that the inventory names
    claim_names: list[str] = field(default_factory=list)  # all of the namespace
    volumes: dict[str, Object] = field(default_factory=dict)  # that these claims are bound to, by the name of the claim


def problems(volume: dict[str, Any], there: Storage, precious: list[str], scaled: list[str]) -> list[str]:
    """Why a volume, as the filter volumes gives it, would not work, or would cost photos. C(precious) are the folders that hold them."""
    found = _driver(volume, there)
    if volume.get("existing_claim"):
        found += _existing(volume, there, scaled)
    elif volume.get("storage_class"):
        found += _shared_class(volume, there)
    if any(within(path, volume["mount"]) or within(volume["mount"], path) for path in precious):
        found += _soft(volume, there)
    return [f"immich_volumes, {volume['name']}: {text}" for text in found]


def _driver(volume: dict[str, Any], there: Storage) -> list[str]:
    """The CSI driver that mounts it is installed; else its pods wait for ever."""
    name = "smb.csi.k8s.io" if volume.get("smb") else "nfs.csi.k8s.io" if (volume.get("nfs") or {}).get("csi") else ""
    if not name or there.drivers is None or name in there.drivers:
        return []
    key, install = DRIVERS[name]
    return [f"{key} needs the CSI driver {name}, and this cluster does not have it. Install {install}."]


def _existing(volume: dict[str, Any], there: Storage, scaled: list[str]) -> list[str]:
    """A claim of somebody else is there, and lets its pods do what they are to do."""
    name = volume["existing_claim"]
    claim, bound = there.claims.get(name), there.volumes.get(name)
    if claim is None:
        known = f"it has {', '.join(sorted(there.claim_names))}" if there.claim_names else "it has none"
        return [f"existing_claim {name} does not exist in the namespace of the instance ({known}). Correct it, or make the claim first."]
    if (claim.get("status") or {}).get("phase") == "Lost":
        return [f"existing_claim {name} has lost its volume {claim['spec'].get('volumeName', '')}. Bring the volume back, or name another claim."]
    found, modes = [], claim["spec"].get("accessModes") or []
    if not volume["read_only"] and (set(modes) <= {"ReadOnlyMany"} or _read_only(bound)):
        found.append(f"access is rw, but existing_claim {name} is read-only. Set access: ro, or name a claim that can be written to.")
    more = _why_shared(volume, scaled)
    if more and not set(modes) & {"ReadWriteMany", *(["ReadOnlyMany"] if volume["read_only"] else [])}:
        found.append(f"existing_claim {name} is {', '.join(modes)}, but {more}: on two nodes a pod would stay Pending. Name a ReadWriteMany claim.")
    return found


def _why_shared(volume: dict[str, Any], scaled: list[str]) -> str:
    if len(set(volume["pods"])) > 1:
        return f"{' and '.join(volume['pods'])} mount it"
    return next((f"there may be several pods of {pod}" for pod in volume["pods"] if pod in scaled), "")


def _read_only(bound: Object | None) -> bool:
    """Whether a volume can only be read, by its source or by its mount options."""
    spec = (bound or {}).get("spec") or {}
    return bool((spec.get("nfs") or {}).get("readOnly") or (spec.get("csi") or {}).get("readOnly") or "ro" in (spec.get("mountOptions") or []))


def _shared_class(volume: dict[str, Any], there: Storage) -> list[str]:
    """A class that hands out disks of one node, or block devices, makes nothing that several nodes write to."""
    storage_class = there.classes.get(volume["storage_class"])
    if volume["access_mode"] not in ("ReadWriteMany", "ReadOnlyMany") or storage_class is None or not one_node(storage_class):
        return []
    made_by = f"storage class {volume['storage_class']} ({storage_class['provisioner']})"
    return [
        f"access_mode is {volume['access_mode']}, and {made_by} makes volumes for one node, so the claim would stay Pending."
        " Use a class that can, such as CephFS or Longhorn, or an export of the NAS."
    ]


def one_node(storage_class: Object) -> bool:
    """Whether the volumes of a class can be written to from one node only."""
    provisioner, parameters = storage_class.get("provisioner", ""), storage_class.get("parameters") or {}
    if provisioner == SYNOLOGY:
        return parameters.get("protocol", "iscsi") == "iscsi"
    return any(fnmatch.fnmatch(provisioner, pattern) for pattern in ONE_NODE)


def unknown(volume: dict[str, Any], there: Storage) -> list[str]:
    """What is taken for granted of a class whose provisioner nobody here knows: that its volumes can be what the inventory says."""
    storage_class = there.classes.get(volume.get("storage_class") or "")
    if storage_class is None or volume["access_mode"] not in ("ReadWriteMany", "ReadOnlyMany") or one_node(storage_class) or network_share(storage_class):
        return []
    provisioner = storage_class.get("provisioner", "")
    if any(fnmatch.fnmatch(provisioner, pattern) for pattern in FILE_SYSTEMS):
        return []
    return [
        f"immich_volumes, {volume['name']}: storage class {volume['storage_class']} ({provisioner}) is not known here, and is taken for one that makes"
        f" {volume['access_mode']} volumes. If it cannot, the claim stays Pending: use another class then, or an export of the NAS."
    ]


def network_share(storage_class: Object) -> bool:
    """Whether the volumes of a class are folders of an NFS or SMB server: no place for a database."""
    provisioner, parameters = storage_class.get("provisioner", ""), storage_class.get("parameters") or {}
    if provisioner == SYNOLOGY:
        return parameters.get("protocol") in ("nfs", "smb")
    return any(fnmatch.fnmatch(provisioner, pattern) for pattern in NETWORK_SHARES)


def _soft(volume: dict[str, Any], there: Storage) -> list[str]:
    """What holds photos is waited for when it does not answer. Options of our own volumes have been checked before."""
    bound = there.volumes.get(volume.get("existing_claim") or "")
    name = volume.get("storage_class") or ((there.claims.get(volume.get("existing_claim") or "") or {}).get("spec") or {}).get("storageClassName") or ""
    why = "an I/O error then looks like a deleted photo, and Immich puts it in the trash"
    if bound is not None:
        csi = bound["spec"].get("csi") or {}
        if soft := _softness(_options(bound["spec"].get("mountOptions"), csi.get("volumeAttributes") or {}), csi.get("driver")):
            title = f"PersistentVolume {bound['metadata']['name']}"
            return [f"{title} is mounted {soft}: {why}. Set hard in its mountOptions (nfsOptions of its class with Longhorn), and restart the pods."]
    storage_class = there.classes.get(name)
    if storage_class is None:
        return []
    parameters = storage_class.get("parameters") or {}
    if soft := _softness(_options(storage_class.get("mountOptions"), parameters), storage_class.get("provisioner")):
        return [f"storage class {name} mounts {soft}: {why}. Use a class with hard in its mount options."]
    modes = [volume.get("access_mode")] if volume.get("storage_class") else there.claims[volume["existing_claim"]]["spec"].get("accessModes") or []
    if storage_class.get("provisioner") == LONGHORN and "ReadWriteMany" in modes and not parameters.get("nfsOptions"):
        return [
            f"Longhorn mounts ReadWriteMany volumes softerr unless their class says otherwise: {why}. Use a class like {name} with the parameter"
            ' nfsOptions: "vers=4.1,noresvport,hard", or mount an export of the NAS.'
        ]
    return []


def _softness(options: str, driver: str | None) -> str:
    """soft, softerr, or empty where errors are waited for. SMB is soft when nothing is said."""
    if found := SOFT.search(options):
        return found[1]
    return "soft" if driver == "smb.csi.k8s.io" and "hard" not in options.split(",") else ""


def _options(options: list[str] | None, parameters: dict[str, str]) -> str:
    """All mount options, as one text with commas."""
    return ",".join([*(options or []), *(parameters.get(name) or "" for name in ("nfsOptions", "mountOptions"))])
