# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which folder of this machine a pod sees where, and that it is never one outside the rehearsal."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.homelab.immich.rehearsal import volumes

EXPORTS = [{"name": "photos", "dataset": "tank/photos", "access": "ro"}, {"name": "immich", "dataset": "tank/immich", "address": "192.0.2.11"}]
EXPORTS.append({"name": "pics", "protocol": "smb", "share": "Pics", "dataset": "tank/photos", "access": "ro"})
SPEC = {"nas": {"tank": {"provider": "truenas", "address": "192.0.2.10", "exports": EXPORTS}}}
POD = {"metadata": {"namespace": "immich", "name": "server-1", "uid": "u1"}}


class Live:
    """Objects that exist."""

    def __init__(self, *objects):
        self.objects = {(kind, namespace, name): {"metadata": {"name": name}, **content} for kind, namespace, name, content in objects}

    def get(self, kind, namespace, name):
        return self.objects.get((kind, namespace, name))


@pytest.fixture
def home(tmp_path):
    for name in ("photos", "immich"):
        (tmp_path / "nas" / "tank" / "mnt" / "tank" / name).mkdir(parents=True)
    return tmp_path


def folder(home, volume, *objects):
    return volumes.Volumes(home, Live(*objects), lambda: SPEC).folder(POD, {"name": "v", **volume})


def claim(source):
    return (
        ("PersistentVolumeClaim", "immich", "photos", {"spec": {"volumeName": "pv"}}),
        ("PersistentVolume", "", "pv", {"spec": source}),
    )


def test_a_static_nfs_volume_is_the_folder_of_its_export(home):
    source = {"nfs": {"server": "192.0.2.10", "path": "/mnt/tank/photos"}}
    assert folder(home, {"persistentVolumeClaim": {"claimName": "photos"}}, *claim(source)) == (home / "nas/tank/mnt/tank/photos", True)


def test_an_export_with_an_address_of_its_own_is_found_by_it(home):
    assert folder(home, {"nfs": {"server": "192.0.2.11", "path": "/mnt/tank/immich"}}) == (home / "nas/tank/mnt/tank/immich", False)


def test_the_nfs_driver_leads_to_the_same_folder(home):
    source = {"csi": {"driver": "nfs.csi.k8s.io", "volumeAttributes": {"server": "192.0.2.10", "share": "/mnt/tank/photos"}}}
    assert folder(home, {"persistentVolumeClaim": {"claimName": "photos", "readOnly": True}}, *claim(source)) == (home / "nas/tank/mnt/tank/photos", True)


@pytest.mark.parametrize(
    ("server", "path"),
    [("192.0.2.10", "/mnt/tank/gone"), ("198.51.100.7", "/mnt/tank/photos"), ("192.0.2.10", "/../../../etc"), ("192.0.2.10", "/mnt/../../../nas")],
)
def test_an_export_that_is_not_there_is_an_empty_folder_of_the_rehearsal(home, server, path):
    found, _read_only = folder(home, {"nfs": {"server": server, "path": path}})
    assert found.is_relative_to(home / "missing") and list(found.iterdir()) == []


@pytest.mark.parametrize("path", ["", "2024"])
def test_a_share_is_the_folder_of_its_dataset(home, path):
    (home / "nas/tank/mnt/tank/photos/2024").mkdir()
    csi = {"csi": {"driver": "smb.csi.k8s.io", "volumeAttributes": {"source": "//192.0.2.10/Pics", "subDir": path}}}
    found, read_only = folder(home, {"persistentVolumeClaim": {"claimName": "photos"}}, *claim(csi))
    assert (found, read_only) == (home / "nas/tank/mnt/tank/photos" / path, True)


@pytest.mark.parametrize(("source", "path"), [("//192.0.2.99/Pics", ""), ("//192.0.2.10/other", ""), ("//192.0.2.10/Pics", "../../../../../..")])
def test_a_share_that_is_not_there_is_an_empty_folder(home, source, path):
    csi = {"csi": {"driver": "smb.csi.k8s.io", "volumeAttributes": {"source": source, "subDir": path}}}
    found, _read_only = folder(home, {"persistentVolumeClaim": {"claimName": "photos"}}, *claim(csi))
    assert found.is_relative_to(home / "missing") and list(found.iterdir()) == []


def test_a_link_on_the_nas_leads_nowhere_else(home, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (home / "nas/tank/mnt/tank/link").symlink_to(outside)
    found, _read_only = folder(home, {"nfs": {"server": "192.0.2.10", "path": "/mnt/tank/link"}})
    assert found.resolve() != outside


def test_a_folder_of_this_machine_is_never_touched(home, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "precious").touch()
    for volume, objects in (
        ({"hostPath": {"path": str(outside)}}, ()),
        ({"persistentVolumeClaim": {"claimName": "photos"}}, claim({"hostPath": {"path": str(outside)}})),
        ({"persistentVolumeClaim": {"claimName": "photos"}}, claim({"local": {"path": str(outside)}})),
    ):
        found, _read_only = folder(home, volume, *objects)
        assert found.is_relative_to(home) and list(found.iterdir()) == []


def test_a_provisioned_volume_is_its_own_folder(home):
    own = home / "volumes" / "immich" / "photos"
    own.mkdir(parents=True)
    assert folder(home, {"persistentVolumeClaim": {"claimName": "photos"}}, *claim({"hostPath": {"path": str(own)}})) == (own, False)


def test_configuration_becomes_files(home):
    secret = ("Secret", "immich", "config", {"data": {"immich.json": base64.b64encode(b"{}").decode(), "other": "eA=="}})
    found, read_only = folder(home, {"secret": {"secretName": "config", "items": [{"key": "immich.json", "path": "config/immich.json"}]}}, secret)
    assert read_only and [path.relative_to(found).as_posix() for path in found.rglob("*.json")] == ["config/immich.json"]
    assert not (found / "other").exists()
    found, _read_only = folder(home, {"configMap": {"name": "plain"}}, ("ConfigMap", "immich", "plain", {"data": {"a": "1"}}))
    assert (found / "a").read_text() == "1"
