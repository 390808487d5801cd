# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers, hardware, autoscaling, and who owns the settings."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab

SPLIT: dict[str, Any] = {
    "immich_workers": "split",
    "immich_volumes": [
        {"name": "media", "mount": "/data", "size": "1Ti", "nfs": {"export": "immich"}},
        {"name": "photos", "mount": "/mnt/photos", "size": "2Ti", "access": "ro", "nfs": {"export": "photos"}},
        {"name": "models", "mount": "/cache", "size": "10Gi", "storage_class": "longhorn", "access_mode": "ReadWriteMany", "pods": ["machine-learning"]},
    ],
}
SCALING = {"min": 1, "max": 3, "cpu": 50, "stabilization": 300}


@pytest.mark.parametrize(
    "changes",
    [
        SPLIT | {"immich_server_autoscaling": SCALING, "immich_machine_learning_autoscaling": {"max": 2}, "immich_microservices_resources": {}},
        {"immich_server_acceleration": "vaapi", "immich_server_device_groups": [44, 104]},
        {"immich_server_acceleration": "vaapi", "immich_server_device": "plugin", "immich_server_device_resource": "amd.com/gpu", "immich_run_as": None},
        {"immich_server_acceleration": "nvenc", "immich_machine_learning_acceleration": "cuda", "immich_machine_learning_device": "dra"},
        {"immich_server_acceleration": "qsv", "immich_settings": {"ffmpeg": {"accel": "qsv"}}, "immich_server_device_groups": [44]},
        {"immich_settings_owner": "file", "immich_secrets": {"oauth": {"values": {"clientSecret": "hunter2"}}, "smtp": {"existing": "mail"}}},
        {"immich_machine_learning_enabled": False, "immich_machine_learning_acceleration": "rknn", "immich_machine_learning_device": "dra"},
    ],
)
def test_what_is_fine(homelab: Homelab, changes: dict[str, Any]) -> None:
    homelab.photos.update(changes)
    assert homelab.errors() == [] and homelab.warnings() == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"immich_server_autoscaling": SCALING},
            "immich_server_autoscaling multiplies the api worker, and with immich_workers: unified every pod would work on jobs, too. "
            "Set immich_workers: split.",
        ),
        (
            SPLIT | {"immich_server_autoscaling": SCALING, "immich_server_resources": {"requests": {"memory": "4Gi"}}},
            "immich_server_autoscaling compares the load with what is requested, and immich_server_resources has no requests.cpu. Set one, such as 250m.",
        ),
        (
            SPLIT | {"immich_machine_learning_autoscaling": SCALING, "immich_machine_learning_resources": {}},
            "immich_machine_learning_autoscaling compares the load with what is requested, and immich_machine_learning_resources has no requests.cpu. "
            "Set one, such as 250m.",
        ),
        (
            SPLIT | {"immich_server_autoscaling": {"min": 3, "max": 2}},
            "immich_server_autoscaling.max is 2, less than min, 3. Raise max, or lower min.",
        ),
        (SPLIT | {"immich_server_autoscaling": {"cpu": 50}}, "immich_server_autoscaling has no max. Say how many pods there may be, such as {min: 1, max: 3}."),
        (SPLIT | {"immich_server_autoscaling": {"min": 0, "max": 2}}, "immich_server_autoscaling.min is 0. Use a number from 1 to 100."),
        (SPLIT | {"immich_server_autoscaling": {"max": 2, "cpu": 0}}, "immich_server_autoscaling.cpu is 0. Use a number from 1 to 1000."),
        (
            {"immich_server_acceleration": "vaapi", "immich_server_device": "plugin"},
            "immich_server_device_resource is empty, and GPUs of several vendors do vaapi. "
            "Name the resource of the device plugin, such as amd.com/gpu or gpu.intel.com/i915.",
        ),
        (
            {"immich_server_acceleration": "vaapi", "immich_server_device": "dra"},
            "immich_server_device_resource is empty, and GPUs of several vendors do vaapi. Name the DeviceClass, such as gpu.intel.com.",
        ),
        (
            {"immich_server_acceleration": "rkmpp", "immich_server_device": "plugin", "immich_server_device_resource": "rockchip.com/vpu"},
            "immich_server_device is plugin, and rkmpp works in a privileged container only, which opens the device of the node itself. Use host.",
        ),
        (
            {"immich_machine_learning_acceleration": "rknn", "immich_machine_learning_device": "dra"},
            "immich_machine_learning_device is dra, and rknn works in a privileged container only, which opens the device of the node itself. Use host.",
        ),
        (
            {"immich_server_acceleration": "vaapi", "immich_server_device_groups": [0]},
            "immich_server_device_groups[0] is 0. Use the number of a group.",
        ),
        (
            {"immich_server_env": {"IMMICH_WORKERS_INCLUDE": "api"}},
            "immich_server_env.IMMICH_WORKERS_INCLUDE is set by the collection. Remove it: immich_workers: split gives each worker a pod of its own.",
        ),
        (
            {"immich_server_env": {"IMMICH_CONFIG_FILE": "/x.json"}},
            "immich_server_env.IMMICH_CONFIG_FILE is set by the collection. Remove it: immich_settings_owner: file makes the file.",
        ),
        (
            {"immich_microservices_resources": {"requests": {"cpu": "1"}}},
            "immich_microservices_resources is for immich_workers: split, and it is unified. Remove it, or choose split.",
        ),
        ({"immich_machine_learning_probe_timeout": 0}, "immich_machine_learning_probe_timeout is 0. Use a number of seconds from 1 to 600."),
        (
            {"immich_secrets": {"oauth": {"values": {"clientSecret": "hunter2"}}}},
            "immich_secrets.oauth is for immich_settings_owner: file, and it is api. Choose file, or write the value, encrypted, to "
            "immich_settings.oauth.clientSecret.",
        ),
        (
            {"immich_settings_owner": "file", "immich_settings": {"oauth": {"clientSecret": "hunter2"}}},
            "immich_settings.oauth.clientSecret would be in a ConfigMap, for everybody to read. Remove it, and give it as "
            "immich_secrets.oauth: {values: {clientSecret: …}}, or from another source.",
        ),
        (
            {"immich_settings_owner": "file", "immich_settings": {"notifications": {"smtp": {"transport": {"password": "hunter2"}}}}},
            "immich_settings.notifications.smtp.transport.password would be in a ConfigMap, for everybody to read. Remove it, and give it as "
            "immich_secrets.smtp: {values: {password: …}}, or from another source.",
        ),
        (
            {"immich_settings_owner": "file", "immich_version": "v2.7.5", "immich_settings": {"oauth": {"prompt": "login"}}},
            "immich_settings.oauth.prompt needs Immich v3.0.0 or later, and immich_version is v2.7.5. Leave it out until the upgrade.",
        ),
        (
            {"immich_settings_owner": "file", "immich_secrets": {"oauth": {"values": {"client_secret": "hunter2"}}}},
            "immich_secrets.oauth values has no clientSecret. It needs clientSecret.",
        ),
    ],
)
def test_what_cannot_work(homelab: Homelab, changes: dict[str, Any], text: str) -> None:
    homelab.photos.update(changes)
    errors = homelab.errors()
    assert text in errors
    assert not [error for error in errors if "hunter2" in error]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"immich_server_resources": {"limits": {"cpu": "2"}}},
            "immich_server_resources.limits.cpu is 2: it makes thumbnails, transcodes and faces crawl on an idle node, and probes fail. "
            "Remove it; requests.cpu shares the node fairly.",
        ),
        (
            {"immich_server_acceleration": "vaapi"},
            "immich_server_device_groups is empty, and the pod runs as uid 1000: unless everybody may open the device, vaapi does not work. "
            "Name the groups, such as [44, 104]; stat -c %g /dev/dri/renderD128 on the node tells.",
        ),
        (
            {"immich_machine_learning_acceleration": "armnn"},
            "immich_machine_learning_device_groups is empty, and the pod runs as uid 1000: unless everybody may open the device, armnn does not work. "
            "Name the groups, such as [44, 104]; stat -c %g /dev/mali0 on the node tells.",
        ),
        (
            {"immich_server_acceleration": "nvenc", "immich_settings": {"ffmpeg": {"accel": "disabled"}}},
            "immich_settings.ffmpeg.accel is disabled, and immich_server_acceleration is nvenc: the setting wins, and the device is not used. "
            "Remove the setting, and it follows.",
        ),
    ],
)
def test_what_somebody_may_regret(homelab: Homelab, changes: dict[str, Any], text: str) -> None:
    homelab.photos.update(changes)
    assert homelab.errors() == [] and homelab.warnings() == [text]


def test_the_groups_of_a_device_are_groups_of_the_pod(homelab: Homelab) -> None:
    from ansible_collections.homelab.immich.plugins.plugin_utils.pod_groups import groups_of

    homelab.photos.update({"immich_server_acceleration": "vaapi", "immich_server_device_groups": [44, 104]})
    assert groups_of(homelab.photos, ["server"]) == [44, 104]
    assert groups_of(homelab.photos, ["machine-learning"]) == []
    assert groups_of(homelab.photos | {"immich_workers": "split"}, ["server"]) == []  # the api worker has none
