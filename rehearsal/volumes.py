# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on this machine the files of a volume are: NAS exports, claims of storage classes, configuration."""

from __future__ import annotations

import base64
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from ..plugins.module_utils import nas
from .cluster import Cluster
from .control_plane import PROVISIONER

log = logging.getLogger("volumes")


def is_below(folder: Path, parent: Path) -> bool:
    """Whether a path stays below a folder, however many `..` it has."""
    return folder.resolve().is_relative_to(parent.resolve())


class Volumes:
    """The folder behind a volume of a pod."""

    def __init__(self, home: Path, cluster: Cluster, spec: Callable[[], dict]) -> None:
        self._home, self._cluster, self._spec = home, cluster, spec
        self._missing: set[str] = set()

    def nas(self, server: str, path: str) -> tuple[Path, bool]:
        """The folder of an NFS export and whether the NAS allows no more than reading. An export that is not there is an empty folder, as a NAS
        with an unmounted dataset would show it."""
        for name, host in self._spec()["nas"].items():
            facts = {"inventory_hostname": name, "ansible_host": host["address"]}
            here = [export for export in host["exports"] if server == nas.export_address(facts, export)]
            if here or server == host["address"]:
                below = self._home / "nas" / name
                folder = below / path.strip("/")
                if folder.is_dir() and is_below(folder, below):
                    return folder, any(_covers(export, host["provider"], path) and export.get("access") == "ro" for export in here)
        return self._empty(f"{server}{path}"), False

    def share(self, source: str, path: str) -> tuple[Path, bool]:
        """The folder in an SMB share, which is in its dataset as an NFS export would be, and whether the NAS allows no more than reading."""
        server, _slash, share = source.removeprefix("//").partition("/")
        for name, host in self._spec()["nas"].items():
            facts = {"inventory_hostname": name, "ansible_host": host["address"]}
            for export in host["exports"]:
                if export.get("share") == share and export.get("dataset") and server == nas.export_address(facts, export):
                    below = self._home / "nas" / name
                    folder = below / "mnt" / export["dataset"] / path
                    if folder.is_dir() and is_below(folder, below):
                        return folder, export.get("access") == "ro"
        return self._empty(f"{source}/{path}"), False

    def _empty(self, what: str) -> Path:
        folder = self._home / "missing" / what.strip("/").replace("/", "_")
        folder.mkdir(parents=True, exist_ok=True)
        if what not in self._missing:
            self._missing.add(what)
            log.warning("%s does not exist in this rehearsal: its mount is an empty folder", what)
        return folder

    def folder(self, pod: dict, volume: dict) -> tuple[Path, bool]:
        """The folder behind a volume of a pod, and whether it is read-only."""
        namespace = pod["metadata"]["namespace"]
        if "persistentVolumeClaim" in volume:
            claim = self._cluster.get("PersistentVolumeClaim", namespace, volume["persistentVolumeClaim"]["claimName"]) or {}
            source = (self._cluster.get("PersistentVolume", "", claim.get("spec", {}).get("volumeName", "")) or {}).get("spec", {})
            read_only = bool(volume["persistentVolumeClaim"].get("readOnly"))
        else:
            source, read_only = volume, False
        if "nfs" in source:
            folder, export_read_only = self.nas(source["nfs"]["server"], source["nfs"]["path"])
            return folder, read_only or export_read_only or bool(source["nfs"].get("readOnly"))
        if "csi" in source and source["csi"]["driver"] == "nfs.csi.k8s.io":
            attributes = source["csi"]["volumeAttributes"]
            folder, export_read_only = self.nas(attributes["server"], f"{attributes['share'].rstrip('/')}/{attributes.get('subDir', '')}")
            return folder, read_only or export_read_only or bool(source["csi"].get("readOnly"))
        if "csi" in source and source["csi"]["driver"] == "smb.csi.k8s.io":
            attributes = source["csi"]["volumeAttributes"]
            folder, export_read_only = self.share(attributes["source"], attributes.get("subDir", ""))
            return folder, read_only or export_read_only or bool(source["csi"].get("readOnly"))
        if "hostPath" in source and is_below(Path(source["hostPath"]["path"]), self._home / "volumes"):
            return Path(source["hostPath"]["path"]), read_only
        if "configMap" in source or "secret" in source:
            return self._configuration(namespace, source), True
        if "emptyDir" in source:
            folder = self._home / "scratch" / pod["metadata"]["uid"] / volume["name"]
            folder.mkdir(parents=True, exist_ok=True)
            return folder, False
        # Anything else lives outside this rehearsal; a folder of this machine is never touched.
        return self._empty(f"{namespace}/{pod['metadata']['name']}/{volume['name']}"), read_only

    def _configuration(self, namespace: str, source: dict) -> Path:
        """The files of a ConfigMap or Secret, as the kubelet would write them."""
        if "configMap" in source:
            kind, name, items = "ConfigMap", source["configMap"]["name"], source["configMap"].get("items")
        else:
            kind, name, items = "Secret", source["secret"]["secretName"], source["secret"].get("items")
        live = self._cluster.get(kind, namespace, name) or {}
        files = {key: value.encode() for key, value in (live.get("data") or {}).items()}
        if kind == "Secret":
            files = {key: base64.b64decode(value) for key, value in files.items()}
        if items:
            files = {item["path"]: files[item["key"]] for item in items if item["key"] in files}
        folder = self._home / "scratch" / f"{namespace}-{kind}-{name}".lower()
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            if is_below(folder / path, folder) and (not (folder / path).exists() or (folder / path).read_bytes() != content):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
        return folder


def _covers(export: dict, provider: str, path: str) -> bool:
    """Whether a path is in this export."""
    try:
        return f"{path.rstrip('/')}/".startswith(nas.nfs_path(export, provider).rstrip("/") + "/")
    except (KeyError, ValueError):  # an export that preflight refuses
        return False


async def provision(home: Path, cluster: Cluster) -> None:
    """Play the provisioner of every storage class of the rehearsal: a folder per claim."""
    classes = {item["metadata"]["name"]: item for item in cluster.all("StorageClass") if item["provisioner"].startswith(PROVISIONER)}
    for claim in cluster.all("PersistentVolumeClaim"):
        metadata, spec = claim["metadata"], claim["spec"]
        storage_class = classes.get(spec.get("storageClassName", ""))
        if storage_class is None or "deletionTimestamp" in metadata:
            continue
        wanted = spec["resources"]["requests"]["storage"]
        if not spec.get("volumeName"):
            waits = storage_class["volumeBindingMode"] == "WaitForFirstConsumer"
            if claim["status"].get("phase") == "Pending" and (not waits or "volume.kubernetes.io/selected-node" in metadata.get("annotations", {})):
                await _create_volume(home, cluster, claim, storage_class)
        elif claim["status"].get("phase") == "Bound" and claim["status"]["capacity"]["storage"] != wanted:
            volume = f"/api/v1/persistentvolumes/{spec['volumeName']}"
            await cluster.patch(volume, {"spec": {"capacity": {"storage": wanted}}})
            path = f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}/status"
            await cluster.patch(path, {"status": {"capacity": {"storage": wanted}}})
    for volume in cluster.all("PersistentVolume"):
        provisioner = volume["metadata"].get("annotations", {}).get("pv.kubernetes.io/provisioned-by", "")
        if provisioner.startswith(PROVISIONER) and volume["status"].get("phase") == "Released" and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
            folder = Path(volume["spec"]["hostPath"]["path"])
            if is_below(folder, home / "volumes"):
                shutil.rmtree(folder, ignore_errors=True)
            await cluster.write("DELETE", f"/api/v1/persistentvolumes/{volume['metadata']['name']}")


async def _create_volume(home: Path, cluster: Cluster, claim: dict, storage_class: dict) -> None:
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    if cluster.get("PersistentVolume", "", name):
        return
    folder = home / "volumes" / metadata["namespace"] / metadata["name"]
    folder.mkdir(parents=True, exist_ok=True)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": storage_class["provisioner"]}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim"} | {key: metadata[key] for key in ("namespace", "name", "uid")},
            "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"},
        },
    }
    await cluster.create("/api/v1/persistentvolumes", volume)
    log.info("provisioned %s for %s/%s", name, metadata["namespace"], metadata["name"])
