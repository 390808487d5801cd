# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that the running server uses stay where it finds them."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import mounts

SERVER = "192.0.2.10"


def deployment(**claims):
    """The server, with each claim mounted under its name; `media` on /data."""
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": claim}} for name, claim in claims.items()]
    paths = [{"name": name, "mountPath": "/data" if name == "media" else f"/mnt/{name}"} for name in claims]
    scratch = {"name": "scratch", "emptyDir": {}}
    pod = {"containers": [{"volumeMounts": [*paths, {"name": "scratch", "mountPath": "/tmp"}]}], "volumes": [*volumes, scratch]}
    return {"kind": "Deployment", "metadata": {"name": "immich-server", "namespace": "immich"}, "spec": {"template": {"spec": pod}}}


def static(claim, path, namespace="immich"):
    return {"kind": "PersistentVolume", "spec": {"nfs": {"server": SERVER, "path": path}, "claimRef": {"namespace": namespace, "name": claim}}}


def volume(name, mount="/data", claim=None, path=None):
    return {"name": name, "mount": mount, "claim": claim or f"immich-{name}", "nfs": {"server": SERVER, "path": path} if path else None}


def test_what_stays_is_fine():
    server = deployment(media="immich-media", photos="immich-photos")
    volumes = [volume("media"), volume("photos", "/mnt/photos/", path="/mnt/tank/photos"), volume("new", "/mnt/new"), volume("dat", "/data2")]
    assert mounts.moved(server, [static("immich-photos", "/mnt/tank/photos")], volumes, []) == []


def test_a_renamed_volume_would_be_empty():
    [problem] = mounts.moved(deployment(media="immich-media"), [], [volume("library")], [])
    assert problem == (
        "immich_volumes, library: the running server has claim immich-media on /data, and the inventory would put claim immich-library there, which has none"
        " of its files. Give the volume its old name back, or let it have existing_claim: immich-media, which keeps the files. To move them on purpose, scale"
        ' the server to 0, copy the files there (docs/storage.md), and run once with -e \'{"immich_accept_moved_volumes": ["library"]}\'.'
    )
    assert mounts.moved(deployment(media="immich-media"), [], [volume("library")], ["library"]) == []
    assert mounts.moved(deployment(media="immich-media"), [], [volume("library", claim="immich-media")], []) == []


def test_a_renamed_volume_of_the_same_export_has_the_same_files():
    static_volumes = [static("immich-photos", "/mnt/tank/photos/"), static("immich-pictures", "/mnt/tank/other", "family")]
    assert mounts.moved(deployment(photos="immich-photos"), static_volumes, [volume("pictures", "/mnt/photos", path="/mnt/tank/photos")], []) == []


@pytest.mark.parametrize("name", ["photos", "pictures"])
def test_another_export_has_other_files(name):
    server, volumes = deployment(photos="immich-photos"), [static("immich-photos", "/mnt/tank/photos")]
    [problem] = mounts.moved(server, volumes, [volume(name, "/mnt/photos", path="/mnt/tank/new")], [])
    assert "has 192.0.2.10:/mnt/tank/photos on /mnt/photos, and the inventory would put 192.0.2.10:/mnt/tank/new there" in problem
    assert "Put the old export back." in problem


def test_another_kind_of_storage_has_other_files():
    static_volumes = [static("immich-photos", "/mnt/tank/photos")]
    [problem] = mounts.moved(deployment(photos="immich-photos"), static_volumes, [volume("pictures", "/mnt/photos")], [])
    assert "192.0.2.10:/mnt/tank/photos on /mnt/photos, and the inventory would put claim immich-pictures" in problem
    [problem] = mounts.moved(deployment(media="immich-media"), [], [volume("library", path="/mnt/tank/immich")], [])
    assert "claim immich-media on /data, and the inventory would put 192.0.2.10:/mnt/tank/immich" in problem


def test_a_new_volume_in_the_uploads_would_hide_what_is_there():
    server, thumbs = deployment(media="immich-media"), volume("thumbs", "/data/thumbs")
    [problem] = mounts.moved(server, [], [volume("media"), thumbs], [])
    assert problem == (
        "immich_volumes, thumbs: the running server has /data/thumbs in its volume on /data, and a volume of its own would hide the files that are there, with"
        " the .immich by which Immich knows the folder. Remove the volume, or move the files: "
        "\n  1. Let it have mount: /mnt/thumbs for now, and run again: that makes it."
        "\n  2. kubectl scale deployment immich-server -n immich --replicas=0"
        "\n  3. Copy everything from the folder /data/thumbs to it, .immich too (docs/storage.md has a pod that does it)."
        '\n  4. Let it have mount: /data/thumbs again, and run once with -e \'{"immich_accept_moved_volumes": ["thumbs"]}\'.'
        " The old files stay below it; delete them when all is well."
    )
    jobs = {**server, "metadata": {"name": "immich-microservices", "namespace": "immich"}}
    [problem] = mounts.moved(server, [], [volume("media"), thumbs], [], beside=[server, jobs, deployment(models="immich-models")])
    assert "\n  2. kubectl scale deployment immich-server immich-microservices -n immich --replicas=0" in problem
    assert mounts.moved(server, [], [volume("media"), volume("thumbs", "/mnt/thumbs")], []) == []  # the first step
    assert mounts.moved(server, [], [volume("media"), thumbs], ["thumbs"]) == []  # the last
    server["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].append({"name": "media", "mountPath": "/data/thumbs"})
    assert mounts.moved(server, [], [volume("media"), thumbs | {"claim": "immich-media"}], []) == []  # it is mounted there already


def with_thumbs(place="/data", **env):
    """The server with thumbnails on a volume of their own, below its media location."""
    server = deployment(media="immich-media", thumbs="immich-thumbs")
    container = server["spec"]["template"]["spec"]["containers"][0]
    for mount, path in zip(container["volumeMounts"], (place, f"{place}/thumbs"), strict=False):
        mount["mountPath"] = path
    container["env"] = [{"name": "IMMICH_MEDIA_LOCATION", "value": place}]
    return server


def test_a_volume_in_the_uploads_must_not_just_go():
    [problem] = mounts.moved(with_thumbs(), [], [volume("media")], [])
    assert problem.startswith("immich_volumes, thumbs: the running server has claim immich-thumbs on /data/thumbs, and without it Immich would look in its")
    assert "Put the entry back, or move the files" in problem and "to the folder thumbs of the volume on /data" in problem
    assert mounts.moved(with_thumbs(), [], [volume("media")], ["thumbs"]) == []
    assert mounts.moved(deployment(media="immich-media", old="immich-old"), [], [volume("media")], []) == []  # outside it nobody misses it


def test_the_media_location_may_move_with_all_that_is_in_it():
    """From where Immich had it before v1.137 to /data: it rewrites its paths when the files are the same."""
    old, both = with_thumbs("/usr/src/app/upload"), [volume("media"), volume("thumbs", "/data/thumbs")]
    assert mounts.moved(old, [], both, [], "/data") == []
    [problem] = mounts.moved(old, [], [volume("uploads"), both[1]], [], "/data")
    assert "the running server has claim immich-media on /data, and the inventory would put claim immich-uploads there" in problem
    [problem] = mounts.moved(old, [], both[:1], [], "/data")
    assert "immich_volumes, thumbs: the running server has claim immich-thumbs on /data/thumbs" in problem


CSI = {"csi": {"driver": "nfs.csi.k8s.io", "volumeAttributes": {"server": SERVER, "share": "/mnt/tank/photos"}}}
SHARE = {"csi": {"driver": "smb.csi.k8s.io", "volumeAttributes": {"source": "//192.0.2.30/k8s", "subDir": "pics"}}}
DISK = {"hostPath": {"path": "/srv/photos"}}
ON_PI = {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["pi"]}]}]}}}


@pytest.mark.parametrize(
    ("live", "wanted", "shown"),
    [
        (CSI, {"nfs": {"server": SERVER, "path": "/mnt/tank/photos", "csi": False}}, None),  # another client, the same files
        (CSI, {"nfs": {"server": SERVER, "path": "/mnt/tank/other"}}, "192.0.2.10:/mnt/tank/photos on /mnt/photos"),
        (SHARE, {"smb": {"server": "192.0.2.30", "share": "k8s", "path": "pics"}}, None),
        (SHARE, {"smb": {"server": "192.0.2.30", "share": "k8s", "path": ""}}, "//192.0.2.30/k8s:pics on /mnt/photos"),
        (DISK, {"host_path": {"path": "/srv/photos"}}, None),
        (DISK, {"host_path": {"path": "/srv/other"}}, "node:/srv/photos on /mnt/photos"),
        (DISK | ON_PI, {"host_path": {"path": "/srv/photos", "node": "pi"}}, None),
        (DISK | ON_PI, {"host_path": {"path": "/srv/photos", "node": "nuc"}}, "pi:/srv/photos on /mnt/photos"),
    ],
)
def test_where_the_files_of_each_kind_of_volume_are(live, wanted, shown):
    claim = {"claimRef": {"namespace": "immich", "name": "immich-photos"}}
    volumes = [{"name": "pictures", "mount": "/mnt/photos", "claim": "immich-pictures"} | wanted]
    problems = mounts.moved(deployment(photos="immich-photos"), [{"kind": "PersistentVolume", "spec": live | claim}], volumes, [])
    assert (shown is None and problems == []) or shown in problems[0]
