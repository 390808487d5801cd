# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab


def test_an_unknown_export(homelab: Homelab) -> None:
    homelab.volumes[2]["nfs"]["export"] = "phots"
    assert homelab.errors() == [
        "immich_volumes[2] (photos): no NAS has an export phots. nas_exports of the group nas name immich, photos. Did you mean photos?"
    ]


def test_an_export_when_there_is_no_nas(homelab: Homelab) -> None:
    homelab.groups["nas"] = {}
    del homelab.volumes[2], homelab.photos["immich_libraries"]
    assert homelab.errors() == ["immich_volumes[0] (media): no NAS has an export immich. No host of the group nas has nas_exports."]


def test_an_export_that_two_nas_have(homelab: Homelab) -> None:
    homelab.groups["nas"]["attic"] = {"nas_exports": [{"name": "photos", "path": "/srv/photos"}], "immich_rehearsal": True}
    assert homelab.errors() == ["immich_volumes[2] (photos): export photos is on tank and on attic. Give the exports different names."]


def test_an_export_over_smb(homelab: Homelab) -> None:
    homelab.exports[0] = {"name": "photos", "protocol": "smb", "share": "photos", "dataset": "tank/photos"}
    assert homelab.errors() == ["immich_volumes[2] (photos): export photos of NAS tank is SMB. Mount it with smb: {export: photos}."]


def share(homelab: Homelab, **more: str) -> dict[str, Any]:
    """The photos of the default inventory as an SMB share."""
    homelab.exports[0] = {"name": "photos", "protocol": "smb", "share": "photos", "dataset": "tank/photos", "access": "ro"}
    homelab.photos["immich_secrets"] = {"smb": {"existing": "nas"}}
    homelab.volumes[2]["smb"] = {"export": homelab.volumes[2].pop("nfs")["export"], **more}
    return homelab.volumes[2]


def test_photos_on_a_share(homelab: Homelab) -> None:
    share(homelab)["mount_options"] = ["hard", "vers=3.1.1"]
    assert homelab.errors() == [] and homelab.warnings() == []


def test_an_export_over_nfs_that_is_mounted_as_a_share(homelab: Homelab) -> None:
    share(homelab)["smb"]["export"] = "immich"
    assert homelab.errors()[0] == "immich_volumes[2] (photos): export immich of NAS tank is NFS. Mount it with nfs: {export: immich}."


def test_a_share_that_nobody_may_log_in_to(homelab: Homelab) -> None:
    share(homelab)
    del homelab.photos["immich_secrets"]
    assert homelab.errors() == []  # a rehearsal has no NAS to log in to
    for host in (*homelab.groups["immich"].values(), *homelab.groups["nas"].values()):
        host["immich_rehearsal"] = False
    assert (
        "immich_secrets.smb is not set, and nobody can guess username and password. "
        "Give it one of existing, values, external, onepassword, sealed or sops." in homelab.errors()
    )


def test_writing_to_a_share_that_is_read_only(homelab: Homelab) -> None:
    share(homelab)["access"] = "rw"
    assert homelab.errors() == [
        "immich_volumes[2] (photos): access is rw, but export photos of NAS tank is read-only. Set access: ro, or access: rw on the export."
    ]


def test_a_soft_mount_of_a_share(homelab: Homelab) -> None:
    share(homelab)["mount_options"] = ["soft"]
    assert "mount_options have soft: an I/O error" in homelab.errors()[0]


@pytest.mark.parametrize("path", ["/pics", "pics/", "../pics"])
def test_a_folder_of_a_share_that_is_none(homelab: Homelab, path: str) -> None:
    share(homelab, path=path)
    assert homelab.errors() == [f"immich_volumes[2] (photos): smb.path is {path}. Write a folder of the share, without a slash at either end and without dots."]


@pytest.mark.parametrize(("path", "problem"), [("family/new", True), ("family", True), ("other", False)])
def test_two_instances_in_one_folder_of_a_share(homelab: Homelab, path: str, problem: bool) -> None:
    share(homelab, path="family")["access"] = "rw"
    homelab.exports[0]["access"] = "rw"
    homelab.photos["immich_libraries"] = []
    other = homelab.second_instance()
    other["immich_volumes"][1] = {"name": "scans", "mount": "/mnt/scans", "size": "1Ti", "smb": {"export": "photos", "path": path}}
    assert [text for text in homelab.errors() if "may write to it" in text] != [] if problem else homelab.errors() == []


def test_a_subpath_that_the_export_does_not_declare(homelab: Homelab) -> None:
    homelab.volumes[0]["nfs"]["subpath"] = "famly"
    assert homelab.errors() == [
        "immich_volumes[0] (media): export immich of NAS tank has no subpath famly. It has no subpaths. Add it there, or correct nfs.subpath."
    ]
    homelab.exports[1]["subpaths"] = ["family"]
    assert "It has subpaths family. Did you mean family? Add it there, or correct nfs.subpath." in homelab.errors()[0]
    homelab.volumes[0]["nfs"]["subpath"] = "family"
    assert homelab.errors() == []


def test_two_instances_in_two_folders_of_one_export(homelab: Homelab) -> None:
    homelab.exports[1]["subpaths"] = ["photos", "family"]
    other = homelab.second_instance()["immich_volumes"]
    other[0] = {"name": "media", "mount": "/data", "size": "1Ti", "nfs": {"export": "immich", "subpath": "family"}}
    homelab.volumes[0]["nfs"]["subpath"] = "photos"
    assert homelab.errors() == []
    del other[0]["nfs"]["subpath"]
    assert "immich_volumes[0] (media) of photos is in the folder of immich_volumes[0] (media) of family" in homelab.errors()[0]


def test_two_backends_on_one_volume(homelab: Homelab) -> None:
    homelab.volumes[0]["storage_class"] = "longhorn"
    assert homelab.errors() == [
        "immich_volumes[0] (media): nfs and storage_class are both set. "
        "A volume has exactly one of nfs, smb, storage_class, host_path or existing_claim: keep one."
    ]


def test_no_backend_on_a_volume(homelab: Homelab) -> None:
    del homelab.volumes[1]["storage_class"]
    assert homelab.errors() == ["immich_volumes[1] (thumbs): nothing says what it is made of. Set one of nfs, smb, storage_class, host_path or existing_claim."]


def test_a_misspelt_backend_is_one_error(homelab: Homelab) -> None:
    homelab.volumes[1]["storageclass"] = homelab.volumes[1].pop("storage_class")
    assert homelab.errors() == ["immich_volumes[1] (thumbs): storageclass is not a known key. Did you mean storage_class?"]


def test_a_volume_without_a_size(homelab: Homelab) -> None:
    del homelab.volumes[0]["size"]
    assert homelab.errors() == ["immich_volumes[0] (media): size is not set. Write a Kubernetes quantity such as 200Gi; on NFS it is bookkeeping only."]


def test_an_existing_claim_needs_no_size(homelab: Homelab) -> None:
    homelab.volumes[0] = {"name": "media", "mount": "/data", "existing_claim": "old-uploads"}
    assert homelab.errors() == []


def test_mount_options_without_nfs(homelab: Homelab) -> None:
    homelab.volumes[1]["mount_options"] = ["hard"]
    assert homelab.errors() == ["immich_volumes[1] (thumbs): mount_options are for NFS and SMB, and this volume is on neither. Remove them."]


@pytest.mark.parametrize("option", ["soft", "softerr"])
@pytest.mark.parametrize(("volume", "name"), [(0, "media"), (2, "photos")])  # the media location, and the one of a library
def test_a_soft_mount_of_photos(homelab: Homelab, option: str, volume: int, name: str) -> None:
    homelab.volumes[volume]["mount_options"] = ["nfsvers=4.1", f"noatime,{option}"]
    text = f"immich_volumes[{volume}] ({name}): mount_options have {option}: an I/O error then looks like a deleted photo, and Immich puts it in the trash."
    assert homelab.errors() == [f"{text} Use hard."]


def test_a_soft_mount_of_something_else_is_a_warning(homelab: Homelab) -> None:
    homelab.photos["immich_libraries"] = []
    homelab.volumes[2]["mount_options"] = ["soft"]
    assert homelab.errors() == []
    assert "immich_volumes[2] (photos): mount_options have soft" in homelab.warnings()[0]


@pytest.mark.parametrize("path", ["srv/photos", "/srv/photos/", "/srv/../photos", "/"])
def test_a_folder_of_a_node_that_is_none(homelab: Homelab, path: str) -> None:
    homelab.volumes[1] = {"name": "thumbs", "mount": "/data/thumbs", "size": "1Gi", "host_path": {"path": path}}
    assert homelab.errors() == [f"immich_volumes[1] (thumbs): host_path.path is {path}. Write a folder from the root, without dots or a slash at its end."]


@pytest.mark.parametrize(("place", "shared"), [({"path": "/srv"}, True), ({"path": "/srv", "node": "pi"}, False), ({"path": "/var/thumbs"}, False)])
def test_two_instances_in_one_folder_of_a_node(homelab: Homelab, place: dict[str, str], shared: bool) -> None:
    thumbs = {"name": "thumbs", "mount": "/data/thumbs", "size": "1Gi"}
    homelab.volumes[1] = thumbs | {"host_path": {"path": "/srv/thumbs"}}
    homelab.second_instance()["immich_volumes"].append(thumbs | {"host_path": place})
    assert any("immich_volumes[1] (thumbs) of photos is in the folder of immich_volumes[2] (thumbs) of family" in text for text in homelab.errors()) == shared


def test_two_volumes_on_one_mount(homelab: Homelab) -> None:
    homelab.volumes[1]["mount"] = "/mnt/photos"
    assert homelab.errors() == [
        "immich_volumes[2] (photos): mount /mnt/photos is the mount of immich_volumes[1] (thumbs) too. Give each volume a mount of its own."
    ]


def test_one_mount_in_different_pods_is_fine(homelab: Homelab) -> None:
    homelab.volumes[1]["mount"] = "/cache"
    assert homelab.errors() == []


def test_two_volumes_with_one_name(homelab: Homelab) -> None:
    homelab.volumes[1]["name"] = "media"
    assert homelab.errors() == ["immich_volumes[1] (media): the name is taken by immich_volumes[0]. Give each volume a name of its own."]


@pytest.mark.parametrize("name", ["config", "guard", "guard-memory", "scratch-tmp", "dev-dri", "backup-program"])
def test_a_name_that_the_pods_use_themselves(homelab: Homelab, name: str) -> None:
    homelab.volumes[1]["name"] = name
    assert homelab.errors() == [f"immich_volumes[1] ({name}): the name {name} is one that the pods need for themselves. Choose another, such as my-{name}."]


def test_a_mount_that_is_not_a_folder(homelab: Homelab) -> None:
    homelab.volumes[1]["mount"] = "data/thumbs/"
    assert homelab.errors() == [
        "immich_volumes[1] (thumbs): mount is data/thumbs/. Write an absolute folder, without a slash at its end, such as /data/thumbs."
    ]


def test_a_mount_over_the_program(homelab: Homelab) -> None:
    homelab.volumes[1]["mount"] = "/usr/src/app"
    assert homelab.errors() == ["immich_volumes[1] (thumbs): mount /usr/src/app would hide what the container needs. Mount it elsewhere, such as /mnt/thumbs."]


def test_a_mount_inside_a_read_only_volume_is_a_warning(homelab: Homelab) -> None:
    homelab.volumes[1]["mount"] = "/mnt/photos/thumbs"
    assert homelab.errors() == []
    assert homelab.warnings() == [
        "immich_volumes[1] (thumbs): mount /mnt/photos/thumbs is in immich_volumes[2] (photos), which is read-only, "
        "so nobody can make the folder to mount it on. "
        "Make sure that it exists there, or mount it elsewhere."
    ]


def test_no_volume_for_the_uploads(homelab: Homelab) -> None:
    homelab.volumes[0]["mount"] = "/mnt/media"
    assert homelab.errors() == [
        "immich_volumes: none is mounted at /data in the server, where Immich v3.3.5 keeps what is uploaded. "
        "Mounted are /mnt/media (server), /data/thumbs (server), /mnt/photos (server), /cache (machine-learning). "
        "Add one, such as {name: media, mount: /data, size: 1Ti, nfs: {export: …}}."
    ]


def test_no_volume_at_all(homelab: Homelab) -> None:
    homelab.photos["immich_volumes"] = []
    homelab.photos["immich_libraries"] = []
    assert homelab.errors() == [
        "immich_volumes: none is mounted at /data in the server, where Immich v3.3.5 keeps what is uploaded. Mounted are none. "
        "Add one, such as {name: media, mount: /data, size: 1Ti, nfs: {export: …}}."
    ]


def test_uploads_where_old_releases_keep_them(homelab: Homelab) -> None:
    homelab.volumes[0]["mount"] = "/usr/src/app/upload"
    assert homelab.errors() == []


@pytest.mark.parametrize("folder", ["upload", "library"])
def test_parts_of_the_uploads_that_files_move_between(homelab: Homelab, folder: str) -> None:
    homelab.volumes[1]["mount"] = f"/data/{folder}"
    assert homelab.errors() == []
    assert homelab.warnings() == [
        f"immich_volumes[1] (thumbs): mount is /data/{folder}. Immich moves what is uploaded from upload to library, and between two volumes each move is a "
        "copy. Keep both in the volume of /data."
    ]


def test_uploads_that_are_read_only(homelab: Homelab) -> None:
    homelab.volumes[0]["access"] = "ro"
    assert homelab.errors() == ["immich_volumes[0] (media): access is ro, but Immich keeps what is uploaded in /data. Set access: rw."]


def test_writing_to_a_read_only_export(homelab: Homelab) -> None:
    homelab.volumes[2]["access"] = "rw"
    assert homelab.errors() == [
        "immich_volumes[2] (photos): access is rw, but export photos of NAS tank is read-only. Set access: ro, or access: rw on the export."
    ]


def test_access_left_out_means_rw(homelab: Homelab) -> None:
    del homelab.volumes[2]["access"]
    assert homelab.errors() == [
        "immich_volumes[2] (photos): access is rw, but export photos of NAS tank is read-only. Set access: ro, or access: rw on the export."
    ]


def test_an_export_that_squashes_the_pods_to_nobody(homelab: Homelab) -> None:
    homelab.exports[1]["squash"] = "all"
    assert homelab.errors() == [
        "immich_volumes[0] (media): Immich may not write to export immich of NAS tank: uid 1000 arrives as 65534, and 1000:1000 0750 does not let it write. "
        "immich_run_as is 1000:1000; set it to the owner of the folder, or change squash or owner of the export."
    ]


def test_pods_that_run_as_a_squashed_root(homelab: Homelab) -> None:
    del homelab.photos["immich_run_as"]
    homelab.exports[1]["squash"] = "root"
    assert homelab.errors() == [
        "immich_volumes[0] (media): Immich may not write to export immich of NAS tank: uid 0 arrives as 65534, and 1000:1000 0750 does not let it write. "
        "immich_run_as is not set, so the pods run as root; set it to the owner of the folder, or change squash or owner of the export."
    ]


def test_photos_that_the_pods_may_not_read(homelab: Homelab) -> None:
    homelab.exports[0]["owner"] = {"user": 500, "group": 500, "mode": "0700"}
    assert homelab.errors() == [
        "immich_volumes[2] (photos): Immich may not read export photos of NAS tank: uid 1000, and 500:500 0700 does not let it read. "
        "immich_run_as is 1000:1000; set it to the owner of the folder, or change squash or owner of the export."
    ]


def test_photos_that_only_a_supplemental_group_may_read(homelab: Homelab) -> None:
    homelab.exports[0]["owner"] = {"user": 500, "group": 500, "mode": "0750"}
    patch = {"spec": {"template": {"spec": {"securityContext": {"supplementalGroups": [500]}}}}}
    homelab.photos["immich_patches"] = [{"kind": "Deployment", "name": "immich-server", "patch": patch}]
    assert homelab.errors() == [] and homelab.warnings() == []
    homelab.tank["nas_provider"] = "linux"
    del homelab.exports[1]["snapshots"]
    assert homelab.errors() == [] and homelab.warnings() == [
        "immich_volumes[2] (photos): Immich may read on export photos of NAS tank by its supplemental groups 500 alone, and a server with manage-gids, "
        "the default of Debian and Ubuntu, does not count them. Give uid 1000 an account with the group on the NAS, or set manage-gids=n there (docs/nas.md)."
    ]
    homelab.photos["immich_patches"][0]["patch"]["spec"]["template"]["spec"]["securityContext"]["supplementalGroups"] = [501]
    assert "500:500 0750 does not let it read" in homelab.errors()[0]


def test_two_instances_with_one_upload_folder(homelab: Homelab) -> None:
    homelab.second_instance()["immich_volumes"][0] = {"name": "media", "mount": "/data", "size": "1Ti", "nfs": {"export": "immich"}}
    assert homelab.errors() == [
        "immich_volumes[0] (media) of photos is the same folder as immich_volumes[0] (media) of family, "
        "and immich_volumes[0] (media) of photos and immich_volumes[0] (media) of family may write to it. "
        "Give each instance a folder of its own, or set access: ro on both."
    ]


def test_an_instance_that_writes_into_what_another_reads(homelab: Homelab) -> None:
    homelab.exports.append({"name": "scans", "dataset": "tank/photos/scans", "access": "rw", "squash": "none", "clients": ["192.0.2.0/24"]})
    homelab.second_instance()["immich_volumes"].append({"name": "scans", "mount": "/mnt/scans", "size": "1Ti", "nfs": {"export": "scans"}})
    assert homelab.errors() == [
        "immich_volumes[2] (photos) of photos is the parent folder of immich_volumes[2] (scans) of family, "
        "and immich_volumes[2] (scans) of family may write to it. "
        "Give each instance a folder of its own, or set access: ro on both."
    ]


def test_an_instance_that_takes_the_claim_of_another(homelab: Homelab) -> None:
    other = homelab.second_instance()
    other |= {"immich_namespace": "immich", "immich_name": "family"}
    other["immich_volumes"][0] = {"name": "media", "mount": "/data", "existing_claim": "immich-media"}
    assert homelab.errors() == [
        "immich_volumes[0] (media) of photos is the same claim as immich_volumes[0] (media) of family, "
        "and immich_volumes[0] (media) of photos and immich_volumes[0] (media) of family may write to it. "
        "Give each instance a folder of its own, or set access: ro on both."
    ]


MANY = "access_mode: ReadWriteMany with a storage class that can, such as CephFS or Longhorn"


@pytest.mark.parametrize("mode", ["ReadWriteOnce", "ReadWriteOncePod", None])
def test_a_cache_that_two_pods_cannot_share(homelab: Homelab, mode: str | None) -> None:
    homelab.volumes[3]["pods"] = ["server", "machine-learning"]
    homelab.volumes[3] |= {"access_mode": mode} if mode else {}
    assert homelab.errors() == [
        f"immich_volumes[3] (models): access_mode is {mode or 'ReadWriteOnce'}, but server and machine-learning mount it: on two nodes one of them would stay "
        f"Pending. Give each a volume of its own, or set {MANY}."
    ]
    homelab.volumes[3]["access_mode"] = "ReadWriteMany"
    assert homelab.errors() == []


def test_a_cache_of_the_only_pod_that_there_is(homelab: Homelab) -> None:
    homelab.volumes[3]["pods"] = ["server", "machine-learning"]
    homelab.photos["immich_machine_learning_enabled"] = False
    assert homelab.errors() == []


def test_photos_that_both_pods_read_may_be_anywhere(homelab: Homelab) -> None:
    homelab.volumes[2]["pods"] = ["server", "machine-learning"]
    homelab.volumes[2]["nfs"]["csi"] = True
    assert homelab.errors() == [] and homelab.warnings() == []


SCALED = {"min": 1, "max": 3, "cpu": 50}


@pytest.mark.parametrize(
    ("changes", "volume", "why"),
    [
        ({"immich_workers": "split"}, "immich_volumes[1] (thumbs)", "immich_workers is split"),
        ({"immich_workers": "split", "immich_server_autoscaling": SCALED}, "immich_volumes[1] (thumbs)", "immich_server_autoscaling.max is 3"),
        ({"immich_machine_learning_autoscaling": SCALED}, "immich_volumes[3] (models)", "immich_machine_learning_autoscaling.max is 3"),
    ],
)
def test_several_pods_share_every_volume(homelab: Homelab, changes: dict[str, Any], volume: str, why: str) -> None:
    homelab.photos.update(changes)
    text = f"{volume}: access_mode is ReadWriteOnce, but {why}: its pods would need one node, or stay Pending. Set {MANY}."
    assert [error for error in homelab.errors() if error.startswith("immich_volumes")] == [text]
    homelab.volumes[int(volume[15])]["access_mode"] = "ReadWriteMany"
    assert [error for error in homelab.errors() if error.startswith("immich_volumes")] == []


def test_folders_of_two_nodes_in_one_pod(homelab: Homelab) -> None:
    homelab.volumes[1] = {"name": "thumbs", "mount": "/data/thumbs", "size": "1Gi", "host_path": {"path": "/srv/thumbs", "node": "pi"}}
    homelab.volumes[3] = {"name": "old", "mount": "/mnt/old", "size": "1Gi", "host_path": {"path": "/srv/old", "node": "nuc"}}
    assert homelab.errors() == [
        "immich_volumes[3] (old): host_path.node is nuc, and immich_volumes[1] (thumbs) is on pi, but server mounts both: no node could take it. "
        "Put both folders on one node, or use nfs or a storage_class."
    ]
    homelab.volumes[3] |= {"mount": "/cache", "pods": ["machine-learning"]}
    assert homelab.errors() == []


@pytest.mark.parametrize(("backend", "refused"), [({"nfs": {"export": "immich", "csi": True}}, True), ({"nfs": {"export": "immich"}}, False)])
def test_a_patch_that_would_chown_a_photo_library(homelab: Homelab, backend: dict[str, Any], refused: bool) -> None:
    homelab.volumes[0] |= backend
    patch = [{"op": "add", "path": "/spec/template/spec/securityContext/fsGroup", "value": 1000}]
    homelab.photos["immich_patches"] = [{"kind": "Deployment", "name": "immich-server", "patch": patch}]
    text = (
        "immich_volumes[0] (media): a patch in immich_patches sets fsGroup 1000 on a pod that mounts it, and the kubelet would change the group of every file "
        "in it. Use supplementalGroups in the patch, or set access: ro."
    )
    assert homelab.errors() == ([text] if refused else [])
    patch[0] |= {"path": "/spec/template/spec/securityContext/supplementalGroups", "value": [1000]}
    assert homelab.errors() == []


def test_an_export_that_is_writable_for_nothing_is_a_warning(homelab: Homelab) -> None:
    homelab.exports[0]["access"] = "rw"
    text = (
        "immich_volumes[2] (photos): access is ro, but export photos of NAS tank lets every client write. "
        "Set access: ro on the export, too, unless somebody else writes there by NFS."
    )
    assert homelab.errors() == [] and homelab.warnings() == [text]
    homelab.tank["nas_provider"] = "none"  # somebody else's, who may have a reason
    for export in homelab.exports:
        export |= {"path": f"/volume1/{export['name']}"}
        for key in ("dataset", "snapshots", "owner"):
            export.pop(key, None)
    assert homelab.warnings() == []


def test_an_access_mode_that_cannot_write(homelab: Homelab) -> None:
    homelab.volumes[1]["access_mode"] = "ReadOnlyMany"
    assert homelab.errors() == ["immich_volumes[1] (thumbs): access_mode is ReadOnlyMany, but access is rw. Set access: ro, or another access_mode."]
