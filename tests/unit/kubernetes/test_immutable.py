# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot change is said with the variable and with steps that lead there. What the API server refuses has its tests in tests/acceptance/test_apply.py."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import immutable, plan
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Resource

MARKS = {"app.kubernetes.io/instance": "immich"}


def claim(name="immich-thumbs", labels=None, **spec):
    wanted = {"accessModes": ["ReadWriteOnce"], "storageClassName": "longhorn", "resources": {"requests": {"storage": "50Gi"}}, **spec}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "photos", "labels": MARKS | (labels or {})}, "spec": wanted}


def pods(name, *claims):
    volumes = [{"name": item, "persistentVolumeClaim": {"claimName": item}} for item in claims]
    container = {"volumeMounts": [{"name": item, "mountPath": f"/mnt/{item}"} for item in claims]}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "photos"},
        "spec": {"template": {"spec": {"containers": [container], "volumes": volumes}}},
    }


def static(**spec):
    reference = {"claimRef": {"namespace": "photos", "name": "immich-photos"}, "persistentVolumeReclaimPolicy": "Retain", "accessModes": ["ReadOnlyMany"]}
    return {"kind": "PersistentVolume", "metadata": {"name": "photos-immich-photos", "labels": MARKS}, "spec": reference | spec}


NFS = {"nfs": {"server": "192.0.2.10", "path": "/mnt/tank/photos", "readOnly": True}}
CSI = {"csi": {"driver": "nfs.csi.k8s.io", "volumeAttributes": {"server": "192.0.2.10", "share": "/mnt/tank/photos"}}}


def test_another_class_means_another_volume_and_moving_the_files():
    said = immutable.sentence(claim(storageClassName="ceph"), claim(), [pods("immich-server", "immich-thumbs")])
    assert said == (
        "immich_volumes, thumbs: Kubernetes cannot change PersistentVolumeClaim photos/immich-thumbs in this way: storage_class longhorn -> ceph."
        ' Put the old value back, or move the files (docs/storage.md, "Moving files to another volume"): '
        "\n  1. Put the old value back, and add a volume thumbs-new beside it, as it is to be, with mount: /mnt/thumbs-new. Run again."
        "\n  2. kubectl scale deployment immich-server --replicas=0 -n photos"
        "\n  3. Copy everything from the claim immich-thumbs to the claim immich-thumbs-new, the files .immich too."
        "\n  4. Give thumbs-new the mount of thumbs, take thumbs out of immich_volumes, and run once with"
        ' -e \'{"immich_accept_moved_volumes": ["thumbs-new"]}\'. The old claim and its files stay.'
    )


def test_from_an_export_to_a_class_is_moving_too():
    live = claim(storageClassName="", volumeName="photos-immich-thumbs", accessModes=["ReadWriteMany"])
    said = immutable.sentence(claim(), live, [])
    assert "storage_class none -> longhorn, access_mode ReadWriteMany -> ReadWriteOnce" in said and "immich_accept_moved_volumes" in said


def test_a_model_cache_is_begun_anew():
    said = immutable.sentence(claim("immich-models", accessModes=["ReadWriteMany"]), claim("immich-models"), [pods("immich-machine-learning", "immich-models")])
    assert said.endswith(
        "\n  1. kubectl scale deployment immich-machine-learning --replicas=0 -n photos"
        "\n  2. kubectl delete persistentvolumeclaim immich-models -n photos"
        "\n  3. Run again."
    )


def test_the_claim_of_a_static_volume_is_made_anew_beside_its_files():
    live = claim("immich-photos", storageClassName="", volumeName="photos-immich-photos")
    wanted = copy.deepcopy(live)
    wanted["spec"]["accessModes"] = ["ReadWriteMany"]
    said = immutable.sentence(wanted, live, [])
    assert "the files stay where they are" in said and "kubectl delete persistentvolumeclaim immich-photos -n photos" in said and "Copy" not in said


def test_the_memory_of_the_guard_is_no_volume_of_the_inventory():
    guard = {"app.kubernetes.io/name": "guard"}
    said = immutable.sentence(claim("immich-guard", guard, storageClassName="ceph"), claim("immich-guard", guard), [])
    assert said.startswith("immich_guard_storage_class") and "immich_volumes" not in said


@pytest.mark.parametrize(
    ("wanted", "differs"),
    [
        ({"nfs": NFS["nfs"] | {"server": "192.0.2.11"}}, "nfs.server: 192.0.2.10 -> 192.0.2.11"),
        ({"nfs": NFS["nfs"] | {"readOnly": False}}, "nfs.readOnly: true -> false"),
        (CSI, "nfs -> csi nfs.csi.k8s.io"),
    ],
)
@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_a_static_volume_is_made_anew_and_no_file_goes(wanted, differs, policy):
    said = immutable.sentence(static(**wanted), static(**NFS, persistentVolumeReclaimPolicy=policy), [pods("immich-server", "immich-photos")])
    assert said.startswith("immich_volumes, photos: ") and f"in this way: {differs}. Put the old value back" in said
    steps = [line.strip().partition(". ")[2] for line in said.splitlines()[1:]]
    keep = ['kubectl patch persistentvolume photos-immich-photos -p \'{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}\'']
    assert steps == [
        "kubectl scale deployment immich-server --replicas=0 -n photos",
        *([] if policy == "Retain" else keep),
        "kubectl delete persistentvolumeclaim immich-photos -n photos --ignore-not-found",
        "kubectl delete persistentvolume photos-immich-photos   # the files stay where they are",
        "Run again.",
    ]


def test_a_claim_whose_static_volume_was_deleted_finds_its_files_again():
    live = claim("immich-photos", storageClassName="", volumeName="photos-immich-photos") | {"status": {"phase": "Lost"}}
    said = immutable.lost(live, live, [pods("immich-server", "immich-photos")])
    assert said == (
        "immich_volumes, photos: PersistentVolume photos-immich-photos of PersistentVolumeClaim photos/immich-photos was deleted. The files are where they"
        " were; to mount them again: "
        "\n  1. kubectl scale deployment immich-server --replicas=0 -n photos"
        "\n  2. kubectl delete persistentvolumeclaim immich-photos -n photos"
        "\n  3. Run again."
    )


def test_a_claim_whose_disk_is_gone_sends_to_the_backups_first():
    said = immutable.lost(claim(), claim(volumeName="pvc-1"), [])
    assert "PersistentVolume pvc-1 of" in said and "your backups, first" in said


class Cluster:
    """An API server with these objects, which takes no write; it is client and listing in one."""

    def __init__(self, *there):
        self.there = {(item["kind"], item["metadata"]["name"]): item for item in there}

    def resource(self, api_version, kind):
        return Resource(api_version, kind, f"{kind.lower()}s", kind != "Namespace")

    def get(self, resource, name, namespace=""):
        return self.there.get((resource.kind, name))


def test_a_lost_claim_is_refused_and_not_waited_for():
    live = claim(volumeName="pvc-1") | {"apiVersion": "v1", "status": {"phase": "Lost"}}
    live["metadata"]["labels"] |= {"app.kubernetes.io/managed-by": "homelab.immich", "homelab.immich/instance": "photos"}
    cluster = Cluster({"kind": "Namespace", "metadata": {"name": "photos"}}, live)
    with pytest.raises(plan.Refused, match="immich_volumes, thumbs: PersistentVolume pvc-1 of"):
        plan.apply(cluster, cluster, [claim() | {"apiVersion": "v1"}], "photos", [], False)


@pytest.mark.parametrize("kind", ["Cluster", "Database"])
def test_nobody_is_told_to_delete_a_database(kind):
    live = {"kind": kind, "metadata": {"name": "immich-db", "namespace": "photos"}, "spec": {"storage": {"storageClass": "longhorn"}}}
    wanted = live | {"spec": {"storage": {"storageClass": "ceph"}}}
    said = immutable.sentence(wanted, live, [])
    assert "storage.storageClass: longhorn -> ceph" in said and "delete" not in said
