# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A class or a claim that cannot be what the inventory takes it for is refused before its pods are Pending, or its photos in the trash."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Resource
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.identity import Found, Wanted, look, problems, warnings
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.storage import Storage
from ansible_collections.homelab.immich.plugins.plugin_utils import volumes

PRECIOUS = {"media_location": "/data", "library_paths": ["/mnt/photos"]}
WHY = "an I/O error then looks like a deleted photo"


def volume(name="media", mount="/data", **entry):
    return volumes.normalise({"name": name, "mount": mount, "size": "1Gi"} | entry, "immich")


def a_class(provisioner, name="fast", **more):
    return {"metadata": {"name": name}, "provisioner": provisioner} | more


def said(*wanted, scaled=(), **storage):
    """What the check says of volumes, in a cluster with this storage."""
    classes = {item["metadata"]["name"]: item for item in storage.pop("classes", [])}
    there = Found(cluster_uid="x", clusters=[], storage=Storage(classes=classes, **storage))
    return problems(Wanted("photos", "immich", "immich", "v3.3.5", volumes=list(wanted), scaled=list(scaled), **PRECIOUS), there)


# ---- storage classes


@pytest.mark.parametrize(
    "storage_class",
    [
        a_class("rancher.io/local-path"),
        a_class("openebs.io/local"),
        a_class("microk8s.io/hostpath"),
        a_class("rook-ceph.rbd.csi.ceph.com"),
        a_class("rbd.csi.ceph.com"),
        a_class("csi.san.synology.com"),
        a_class("csi.san.synology.com", parameters={"protocol": "iscsi"}),
        a_class("org.democratic-csi.iscsi"),
        a_class("org.democratic-csi.freenas-api-iscsi"),
        a_class("org.democratic-csi.zfs-generic-nvmeof"),
    ],
    ids=lambda item: item["provisioner"],
)
def test_disks_of_one_node_and_block_devices_are_not_shared(storage_class):
    assert said(volume(storage_class="fast"), classes=[storage_class]) == []
    [problem] = said(volume(storage_class="fast", access_mode="ReadWriteMany"), classes=[storage_class])
    assert problem.startswith("immich_volumes, media: access_mode is ReadWriteMany, and storage class fast (") and "Use a class that can" in problem


@pytest.mark.parametrize(
    "storage_class",
    [
        a_class("rook-ceph.cephfs.csi.ceph.com"),
        a_class("nfs.csi.k8s.io", mountOptions=["hard"]),
        a_class("smb.csi.k8s.io", mountOptions=["vers=3.0", "hard"]),
        a_class("csi.san.synology.com", parameters={"protocol": "nfs"}),
        a_class("org.democratic-csi.nfs"),
        a_class("driver.longhorn.io", parameters={"nfsOptions": "vers=4.1,noresvport,hard"}),
        a_class("example.net/unknown"),
    ],
    ids=lambda item: item["provisioner"],
)
def test_shared_file_systems_are_shared(storage_class):
    assert (
        said(volume(storage_class="fast", access_mode="ReadWriteMany", pods=["server", "machine-learning"]), scaled=["server"], classes=[storage_class]) == []
    )


def warned(provisioner, workloads=(), **entry):
    """What the check takes for granted of a volume of this class."""
    there = Found(cluster_uid="x", workloads=list(workloads), storage=Storage(classes={"fast": a_class(provisioner)}))
    return warnings(Wanted("photos", "immich", "immich", "v3.3.5", volumes=[volume(storage_class="fast", **entry)]), there)


def test_what_is_taken_for_granted_of_an_unknown_class_is_said_until_a_pod_has_the_volume():
    [warning] = warned("example.net/unknown", access_mode="ReadWriteMany")
    assert warning == (
        "immich_volumes, media: storage class fast (example.net/unknown) is not known here, and is taken for one that makes ReadWriteMany volumes."
        " If it cannot, the claim stays Pending: use another class then, or an export of the NAS."
    )
    mounted = {
        "volumes": [{"name": "m", "persistentVolumeClaim": {"claimName": "immich-media"}}],
        "containers": [{"volumeMounts": [{"name": "m", "mountPath": "/data"}]}],
    }
    server = {"kind": "Deployment", "metadata": {"name": "x", "namespace": "immich"}, "spec": {"template": {"spec": mounted}}}
    assert warned("example.net/unknown", [server], access_mode="ReadWriteMany") == []
    assert warned("example.net/unknown") == []  # every class makes volumes for one node


@pytest.mark.parametrize(
    "provisioner",
    [
        *("rook-ceph.cephfs.csi.ceph.com", "cephfs.csi.ceph.com", "rook-ceph.nfs.csi.ceph.com", "driver.longhorn.io", "nfs.csi.k8s.io"),
        *("org.democratic-csi.freenas-api-nfs", "rehearsal.homelab.immich/fast", "rancher.io/local-path"),
    ],
)
def test_of_a_class_that_is_known_nothing_is_taken_for_granted(provisioner):
    assert warned(provisioner, access_mode="ReadWriteMany") == []


@pytest.mark.parametrize(
    ("storage_class", "option"),
    [
        (a_class("nfs.csi.k8s.io", mountOptions=["nfsvers=4.1", "soft"]), "soft"),
        (a_class("driver.longhorn.io", parameters={"nfsOptions": "vers=4.1,softerr,timeo=600"}), "softerr"),
        (a_class("nfs.csi.k8s.io", parameters={"mountOptions": "softerr"}), "softerr"),
        (a_class("smb.csi.k8s.io", mountOptions=["vers=3.0"]), "soft"),  # unlike NFS
    ],
)
def test_a_class_that_mounts_soft_is_no_place_for_photos(storage_class, option):
    for name, mount in (("media", "/data"), ("thumbs", "/data/thumbs"), ("photos", "/mnt/photos"), ("all", "/mnt")):
        [problem] = said(volume(name, mount, storage_class="fast", access_mode="ReadWriteMany"), classes=[storage_class])
        assert problem.startswith(f"immich_volumes, {name}: storage class fast mounts {option}: {WHY}")
    assert said(volume("models", "/cache", storage_class="fast", access_mode="ReadWriteMany"), classes=[storage_class]) == []


def test_longhorn_shares_volumes_softerr_unless_it_is_told_otherwise():
    longhorn = a_class("driver.longhorn.io", "longhorn", parameters={"numberOfReplicas": "3"})
    [problem] = said(volume(storage_class="longhorn", access_mode="ReadWriteMany"), classes=[longhorn])
    assert 'nfsOptions: "vers=4.1,noresvport,hard"' in problem and WHY in problem
    assert said(volume(storage_class="longhorn"), classes=[longhorn]) == []  # on one node no NFS is in between
    assert said(volume("models", "/cache", storage_class="longhorn", access_mode="ReadWriteMany"), classes=[longhorn]) == []


@pytest.mark.parametrize(
    "provisioner",
    [
        *("nfs.csi.k8s.io", "smb.csi.k8s.io", "cluster.local/nfs-subdir-external-provisioner", "nfs.csi.ceph.com"),
        *("org.democratic-csi.nfs", "org.democratic-csi.freenas-api-nfs", "org.democratic-csi.freenas-smb"),
    ],
)
def test_no_database_on_a_file_server(provisioner):
    there = Found(cluster_uid="x", clusters=[], storage=Storage(classes={"nas": a_class(provisioner, "nas")}))
    [problem] = problems(Wanted("photos", "immich", "immich", "v3.3.5", database_storage_class="nas"), there)
    assert problem.startswith(f"immich_database_storage_class is nas ({provisioner})")
    assert problems(Wanted("photos", "immich", "immich", "v3.3.5", database_storage_class="nas", database_provider="external"), there) == []


# ---- drivers


@pytest.mark.parametrize(
    ("backend", "driver"), [({"nfs": {"export": "photos", "csi": True}}, "nfs.csi.k8s.io"), ({"smb": {"export": "photos"}}, "smb.csi.k8s.io")]
)
def test_a_driver_that_is_not_installed_is_named_with_where_to_get_it(backend, driver):
    [problem] = said(volume(**backend), drivers=["driver.longhorn.io"])
    assert f"needs the CSI driver {driver}, and this cluster does not have it. Install https" not in problem
    assert f"needs the CSI driver {driver}, and this cluster does not have it. Install csi-driver-" in problem
    assert said(volume(**backend), drivers=[driver]) == []
    assert said(volume(**backend), drivers=None) == []  # nobody may look


# ---- claims of somebody else


def claim(*modes, phase="Bound", **spec):
    wanted = {"accessModes": list(modes), "storageClassName": "fast", "volumeName": "pv-old", **spec}
    return {"metadata": {"name": "old"}, "spec": wanted, "status": {"phase": phase}}


def bound(**spec):
    return {"metadata": {"name": "pv-old"}, "spec": spec}


def existing(claim_, volume_=None, classes=(), scaled=(), **entry):
    storage = {"claims": {"old": claim_}, "volumes": {"old": volume_} if volume_ else {}, "claim_names": ["old", "other"], "classes": list(classes)}
    return said(volume(existing_claim="old", **entry), scaled=scaled, **storage)


def test_a_claim_that_is_not_there_is_named_with_those_that_are():
    assert said(volume(existing_claim="old"), claim_names=["olds"]) == [
        "immich_volumes, media: existing_claim old does not exist in the namespace of the instance (it has olds). Correct it, or make the claim first."
    ]


def test_a_claim_that_can_do_what_its_pods_want_is_fine():
    assert existing(claim("ReadWriteOnce")) == []
    assert existing(claim("ReadOnlyMany"), access="ro", pods=["server", "machine-learning"]) == []
    assert existing(claim("ReadWriteMany"), bound(nfs={"server": "x", "path": "/a"}, mountOptions=["hard"]), scaled=["server"]) == []


@pytest.mark.parametrize(
    ("modes", "volume_"),
    [
        (["ReadOnlyMany"], None),
        (["ReadWriteMany"], bound(nfs={"server": "x", "path": "/a", "readOnly": True})),
        (["ReadWriteMany"], bound(csi={"driver": "nfs.csi.k8s.io", "readOnly": True})),
        (["ReadWriteMany"], bound(nfs={"server": "x", "path": "/a"}, mountOptions=["hard", "ro"])),
    ],
)
def test_nobody_writes_to_a_claim_that_is_read_only(modes, volume_):
    [problem] = existing(claim(*modes), volume_)
    assert problem == "immich_volumes, media: access is rw, but existing_claim old is read-only. Set access: ro, or name a claim that can be written to."
    assert existing(claim(*modes), volume_, access="ro") == []


def test_a_claim_of_one_node_is_not_for_pods_of_two():
    [problem] = existing(claim("ReadWriteOnce"), pods=["server", "machine-learning"])
    assert "existing_claim old is ReadWriteOnce, but server and machine-learning mount it" in problem
    [problem] = existing(claim("ReadWriteOnce"), scaled=["server"])
    assert "there may be several pods of server: on two nodes a pod would stay Pending" in problem
    assert existing(claim("ReadWriteOnce"), scaled=["machine-learning"]) == []


def test_two_entries_that_name_one_claim_share_it():
    entries = [volume(existing_claim="old"), volume("models", "/cache", existing_claim="old", pods=["machine-learning"])]
    storage = {"claims": {"old": claim("ReadWriteOnce")}, "claim_names": ["old"]}
    assert all("existing_claim old is ReadWriteOnce, but server and machine-learning mount it" in problem for problem in said(*entries, **storage))
    assert len(said(*entries, **storage)) == 2


def test_a_claim_whose_volume_is_gone_is_refused():
    assert "has lost its volume pv-old" in existing(claim("ReadWriteOnce", phase="Lost"))[0]


@pytest.mark.parametrize(
    "volume_", [bound(mountOptions=["soft"]), bound(csi={"driver": "driver.longhorn.io", "volumeAttributes": {"nfsOptions": "vers=4.1,softerr"}})]
)
def test_a_claim_that_is_mounted_soft_is_no_place_for_photos(volume_):
    [problem] = existing(claim("ReadWriteMany"), volume_)
    assert "PersistentVolume pv-old is mounted soft" in problem and WHY in problem


def test_a_claim_of_a_class_that_mounts_soft_is_no_place_for_photos():
    assert WHY in existing(claim("ReadWriteMany"), classes=[a_class("nfs.csi.k8s.io", mountOptions=["soft"])])[0]
    assert "Longhorn" in existing(claim("ReadWriteMany"), classes=[a_class("driver.longhorn.io")])[0]
    assert existing(claim("ReadWriteOnce"), classes=[a_class("driver.longhorn.io")]) == []


# ---- looking


class Cluster:
    """An API server with a claim, its volume and drivers; what is forbidden answers 403."""

    def __init__(self, *forbidden):
        self.forbidden, self.asked = forbidden, []
        self.there = {"PersistentVolumeClaim": [claim("ReadWriteMany")], "PersistentVolume": [bound(mountOptions=["soft"])]}
        self.there["CSIDriver"] = [{"metadata": {"name": "nfs.csi.k8s.io"}}]

    def resource(self, api_version, kind):
        return Resource(api_version, kind, f"{kind.lower()}s", kind not in ("PersistentVolume", "CSIDriver", "Namespace", "StorageClass", "IngressClass"))

    def list(self, resource, namespace="", labels=""):
        self.asked.append(resource.kind)
        if resource.kind in self.forbidden:
            raise ApiError(403, "forbidden")
        return [] if labels else self.there.get(resource.kind, [])

    def get(self, resource, name, namespace=""):
        self.asked.append(f"{resource.kind}/{name}")
        if resource.kind in self.forbidden:
            raise ApiError(403, "forbidden")
        return next((item for item in self.there.get(resource.kind, []) if item["metadata"]["name"] == name), None)


def wanted(*entries):
    return Wanted("photos", "immich", "immich", "v3.3.5", volumes=list(entries), **PRECIOUS)


def test_a_look_finds_claims_volumes_and_drivers():
    cluster, inventory = Cluster(), wanted(volume(existing_claim="old"), volume("pics", "/mnt/pics", smb={"export": "pics"}))
    there = look(cluster, inventory)
    assert [problem.partition(":")[0] for problem in problems(inventory, there)] == ["immich_volumes, media", "immich_volumes, pics"]


def test_nothing_more_is_asked_where_nothing_needs_it():
    cluster = Cluster()
    look(cluster, wanted(volume(storage_class="fast")))
    assert not {"CSIDriver", "PersistentVolumeClaim"} & set(cluster.asked)


def test_who_may_not_see_volumes_of_the_cluster_is_told_so():
    cluster, inventory = Cluster("PersistentVolume", "CSIDriver"), wanted(volume(existing_claim="old"), volume("pics", "/mnt/pics", smb={"export": "pics"}))
    there = look(cluster, inventory)
    assert problems(inventory, there) == []
    assert "may not list PersistentVolume, CSIDriver" in warnings(inventory, there)[0]
