# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of immich_volumes means."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils import volumes

TANK = {
    "inventory_hostname": "tank",
    "ansible_host": "192.0.2.10",
    "nas_provider": "truenas",
    "nas_exports": [{"name": "photos", "dataset": "tank/photos"}, {"name": "immich", "dataset": "tank/immich", "address": "192.0.2.11"}],
}
SYNOLOGY = {"inventory_hostname": "synology", "ansible_host": "192.0.2.40", "nas_exports": [{"name": "homes", "path": "/volume1/homes"}]}


def volume(**changes: Any) -> dict[str, Any]:
    return volumes.normalise({"name": "photos", "mount": "/mnt/photos", "size": "1Ti"} | changes, "immich")


@pytest.mark.parametrize(
    ("export", "source"),
    [
        ("photos", {"server": "192.0.2.10", "path": "/mnt/tank/photos"}),
        ("immich", {"server": "192.0.2.11", "path": "/mnt/tank/immich"}),  # the export's own address
        ("homes", {"server": "192.0.2.40", "path": "/volume1/homes"}),
    ],
)
def test_an_export_becomes_server_and_path(export: str, source: dict[str, str]) -> None:
    assert volumes.nfs_source(export, [TANK, SYNOLOGY]) == source


def test_a_subpath_is_a_folder_below_the_export() -> None:
    assert volumes.nfs_source("homes", [TANK, SYNOLOGY], "family")["path"] == "/volume1/homes/family"


def test_an_unknown_export_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"exports photo\. Use one of its exports \(homes, immich, photos\)"):
        volumes.nfs_source("photo", [TANK, SYNOLOGY])
    with pytest.raises(ValueError, match=r"\(none\)"):
        volumes.nfs_source("photos", [])


def test_an_export_of_two_hosts_is_refused() -> None:
    with pytest.raises(ValueError, match="export photos: tank, tank2"):
        volumes.nfs_source("photos", [TANK, TANK | {"inventory_hostname": "tank2"}])


@pytest.mark.parametrize(
    ("entry", "mode"),
    [
        ({"nfs": {"export": "photos"}}, "ReadWriteMany"),
        ({"nfs": {"export": "photos"}, "access": "ro"}, "ReadOnlyMany"),
        ({"storage_class": "longhorn"}, "ReadWriteOnce"),
        ({"storage_class": "longhorn", "access_mode": "ReadWriteMany"}, "ReadWriteMany"),
    ],
)
def test_access_mode(entry: dict[str, Any], mode: str) -> None:
    assert volume(**entry)["access_mode"] == mode


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        ({}, ["nfsvers=4.1", "hard", "noatime"]),
        ({"access": "ro"}, ["nfsvers=4.1", "hard", "noatime", "ro"]),
        ({"access": "ro", "mount_options": ["rw", "nfsvers=3"]}, ["nfsvers=3", "ro"]),  # access decides, not an option
        ({"access": "rw", "mount_options": ["ro", "nfsvers=3"]}, ["nfsvers=3"]),
    ],
)
def test_mount_options(entry: dict[str, Any], options: list[str]) -> None:
    assert volume(nfs={"export": "photos"}, **entry)["mount_options"] == options


@pytest.mark.parametrize(
    ("entry", "run_as", "options"),
    [
        ({}, {"uid": 1000, "gid": 1001}, ["hard", "dir_mode=0750", "file_mode=0640", "noserverino", "uid=1000", "gid=1001"]),
        ({}, None, ["hard", "dir_mode=0750", "file_mode=0640", "noserverino", "uid=0", "gid=0"]),
        (
            {"access": "ro", "mount_options": ["vers=3.0", "serverino", "uid=7", "rw"]},
            {"uid": 1, "gid": 2},
            ["vers=3.0", "uid=7", "noserverino", "hard", "gid=2", "ro"],
        ),
    ],
)
def test_mount_options_of_a_share(entry: dict[str, Any], run_as: dict[str, int] | None, options: list[str]) -> None:
    share = {"name": "pics", "mount": "/mnt/pics", "size": "1Ti", "smb": {"export": "k8s"}} | entry
    assert volumes.normalise(share, "immich", run_as)["mount_options"] == options


def test_an_export_over_nfs_is_no_share() -> None:
    with pytest.raises(ValueError, match="Export photos has no share"):
        volumes.smb_source("photos", [TANK])


def test_a_parent_comes_before_what_is_mounted_below_it() -> None:
    entries = [{"name": name, "mount": mount, "storage_class": "x"} for name, mount in (("thumbs", "/data/thumbs"), ("media", "/data"))]
    assert [item["mount"] for item in volumes.resolve(entries, "immich", [])] == ["/data", "/data/thumbs"]


@pytest.mark.parametrize(
    ("version", "mounts", "location"),
    [
        ("v3.3.5", ["/data", "/mnt/photos"], "/data"),
        ("v1.135.3", ["/usr/src/app/upload"], "/usr/src/app/upload"),
        ("v3.3.5", ["/usr/src/app/upload"], "/usr/src/app/upload"),  # an old instance that has been upgraded
        ("v3.3.5", ["/data", "/usr/src/app/upload"], "/data"),
        ("v3.3.5", ["/mnt/photos"], "/data"),
    ],
)
def test_the_media_location_is_where_the_volume_is(version: str, mounts: list[str], location: str) -> None:
    assert volumes.media_location([{"name": "x", "mount": mount} for mount in mounts], version) == location


def test_a_volume_of_machine_learning_is_no_media_location() -> None:
    assert volumes.media_location([{"name": "x", "mount": "/usr/src/app/upload", "pods": ["machine-learning"]}], "v3.3.5") == "/data"


@pytest.mark.parametrize(
    ("entry", "found"),
    [({"nfs": {"export": "x"}, "storage_class": "y"}, ["nfs", "storage_class"]), ({}, []), ({"existing_claim": "z"}, ["existing_claim"])],
)
def test_backends(entry: dict[str, Any], found: list[str]) -> None:
    assert volumes.backends(entry) == found


@pytest.mark.parametrize(
    ("version", "mount"),
    [("v1.135.3", "/usr/src/app/upload"), ("v1.136.0", "/usr/src/app/upload"), ("v1.137.0", "/data"), ("v3.3.5", "/data"), ("v3.3.5", "/usr/src/app/upload")],
)
def test_the_server_is_told_where_its_media_location_is(render: Any, version: str, mount: str) -> None:
    """Left alone it looks for itself, and the image has a folder /data of its own."""
    media = [{"name": "media", "mount": mount, "existing_claim": "media"}, {"name": "thumbs", "mount": f"{mount}/thumbs", "existing_claim": "thumbs"}]
    objects = render("workloads", immich_version=version, immich_volumes=media)
    assert objects.env("immich-server")["IMMICH_MEDIA_LOCATION"] == mount
    assert [item["mountPath"] for item in objects.container("immich-server")["volumeMounts"]][:2] == [mount, f"{mount}/thumbs"]
