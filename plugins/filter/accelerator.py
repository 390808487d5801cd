# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what a pod needs to use a GPU or NPU."""

from __future__ import annotations

DOCUMENTATION = r"""
name: accelerator
short_description: Say what a pod needs to use a GPU or NPU
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives volumes and mounts, limits, a DeviceClass, privileges, a RuntimeClass, variables, labels of nodes, and the suffix of the image, for a backend and a
    way in which the device gets into the pod. Everything is empty for V(none).
positional: device, resource, runtime_class
options:
  _input:
    description: The variable C(immich_server_acceleration) or C(immich_machine_learning_acceleration).
    type: str
    required: true
  device:
    description: The variable C(immich_server_device) or C(immich_machine_learning_device).
    type: str
    required: true
  resource:
    description: The resource of the device plugin or the DeviceClass, where it is not the usual one.
    type: str
    default: ""
  runtime_class:
    description: The RuntimeClass of NVIDIA's runtime. Empty where that is the default of the nodes.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show what the server's pod needs to transcode with an AMD GPU that a device plugin hands out
  ansible.builtin.debug:
    msg: "{{ 'vaapi' | homelab.immich.accelerator('plugin', 'amd.com/gpu') }}"
"""

RETURN = r"""
_value:
  description: What goes into the pod.
  type: dict
  sample:
    suffix: ""
    volumes: []
    mounts: []
    limits: {amd.com/gpu: 1}
    device_class: ""
    privileged: false
    runtime_class: ""
    env: {}
    node_selector: {}
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.plugin_utils.acceleration import accelerator as needed


def accelerator(acceleration: str, device: str, resource: str = "", runtime_class: str = "") -> dict[str, Any]:
    """Say what a pod needs."""
    try:
        return needed(acceleration, device, resource, runtime_class)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"{acceleration} as {device}: {error}") from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"accelerator": accelerator}
