# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Split workers, autoscaling, settings from a file, and a GPU that no node has; and the way back."""

from __future__ import annotations

import base64

import pytest
from harness import CHECKOUT, Homelab
from kubernetes.client import ApiException
from test_site import immich

VOLUMES = [
    {"name": "media", "mount": "/data", "size": "1Ti", "nfs": {"export": "immich"}},
    {"name": "photos", "mount": "/mnt/photos", "size": "2Ti", "access": "ro", "nfs": {"export": "photos"}},
    {"name": "models", "mount": "/cache", "size": "10Gi", "storage_class": "longhorn", "access_mode": "ReadWriteMany", "pods": ["machine-learning"]},
]
FILE = {
    "immich_workers": "split",
    "immich_server_autoscaling": {"min": 2, "max": 3, "cpu": 50},
    "immich_machine_learning_autoscaling": {"max": 2},
    "immich_settings_owner": "file",
    "immich_settings": {"oauth": {"enabled": True, "issuerUrl": "https://auth.example.net", "clientId": "immich"}, "trash": {"days": 60}},
    "immich_secrets": {"oauth": {"values": {"clientSecret": "example-oidc-client-secret"}}},
}


def change(lab, remove=(), **variables):
    def edit(everything):
        host = everything["children"]["immich"]["hosts"]["photos"]
        host |= variables
        for name in remove:
            del host[name]

    lab.edit(edit)


def names(lab, kind, api_version):
    return {item.metadata.name for item in lab.api(kind, api_version).get(namespace="immich").items}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Homelab(tmp_path_factory.mktemp("workloads"), CHECKOUT / "inventories" / "homelab")
    change(lab, immich_volumes=VOLUMES, **FILE)
    lab.first = lab.play()
    yield lab
    lab.rehearsal("down")


def client_secret(lab):
    return base64.b64decode(lab.api("Secret").get(name="immich-oauth", namespace="immich").data.clientSecret).decode()


def test_each_worker_has_its_pods_and_what_serves_is_multiplied(lab):
    assert {"immich-server", "immich-microservices", "immich-machine-learning"} <= names(lab, "Deployment", "apps/v1")
    assert names(lab, "HorizontalPodAutoscaler", "autoscaling/v2") == {"immich-server", "immich-machine-learning"}
    assert names(lab, "PodDisruptionBudget", "policy/v1") >= {"immich-server"}
    assert "2 to 3 pods, which ask the nodes for up to 300m CPU and 3Gi memory" in lab.first.output
    assert "nothing in this cluster measures the load" not in lab.first.output


def test_immich_has_the_file_with_the_value_of_the_secret(lab):
    assert immich(lab, "/server/features")["configFile"] is True
    settings = immich(lab, "/system-config")
    assert settings["oauth"]["issuerUrl"] == "https://auth.example.net" and settings["oauth"]["clientSecret"] == client_secret(lab)
    assert settings["library"]["scan"]["enabled"] is settings["library"]["watch"]["enabled"] is False
    assert settings["trash"]["days"] == 60
    assert client_secret(lab) not in lab.first.output


def test_a_second_run_and_a_check_change_nothing(lab):
    assert lab.play().total("changed") == 0
    assert lab.play("--check", "--diff").total("changed") == 0


def test_a_setting_is_shown_and_reaches_the_server(lab):
    settings = FILE["immich_settings"] | {"trash": {"days": 90}}
    change(lab, immich_settings=settings)
    shown = lab.play("--check", "--diff")
    assert '-        "days": 60' in shown.output.replace("\r", "") and '+        "days": 90' in shown.output
    assert immich(lab, "/system-config")["trash"]["days"] == 60
    run = lab.play("--diff")
    assert immich(lab, "/system-config")["trash"]["days"] == 90
    assert client_secret(lab) not in shown.output + run.output


def test_the_namespace_admits_no_pod_that_wants_more(lab):
    container = {"name": "a", "image": "a", "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "immich"}, "spec": {"containers": [container]}}
    with pytest.raises(ApiException, match='violates PodSecurity \\\\?"restricted'):
        lab.api("Pod").create(body=pod, namespace="immich")


def test_a_gpu_that_no_node_has_is_what_the_run_waits_for_in_vain(lab):
    gpu = {"immich_server_acceleration": "vaapi", "immich_server_device": "plugin", "immich_server_device_resource": "amd.com/gpu"}
    change(lab, immich_server_device_groups=[44], immich_wait_timeout=15, **gpu)
    run = lab.play(check=False)
    assert run.returncode and "Deployment immich/immich-microservices" in run.output and "Insufficient amd.com/gpu" in " ".join(run.output.split())
    change(lab, remove=[*gpu, "immich_server_device_groups", "immich_wait_timeout"])


def test_the_way_back_takes_away_what_is_no_longer_wanted_and_no_data(lab):
    claims = names(lab, "PersistentVolumeClaim", "v1")
    change(lab, remove=FILE)
    run = lab.play()
    assert "immich-microservices" not in names(lab, "Deployment", "apps/v1")
    assert not names(lab, "HorizontalPodAutoscaler", "autoscaling/v2") and "immich-config" not in names(lab, "ConfigMap", "v1")
    assert names(lab, "PersistentVolumeClaim", "v1") == claims
    assert "Secret immich/immich-oauth, no longer wanted" in run.output  # somebody else may use it
    assert immich(lab, "/server/features")["configFile"] is False
    assert immich(lab, "/system-config")["library"]["scan"]["enabled"] is False
    assert lab.play().total("changed") == 0
