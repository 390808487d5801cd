# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: where the folders of the server are on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_folders
short_description: Say where the folders of the server are on the host that scans by the clock
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Of a NAS that exports them it is known. Of any other host C(immich_guard_folders) says it; what that leaves out is in the same place.
positional: nas, host, given
options:
  _input:
    description: What the filter P(homelab.immich.volumes#filter) makes of C(immich_volumes).
    type: list
    elements: dict
    required: true
  nas:
    description: The variables of the hosts of the group C(nas).
    type: list
    elements: dict
    required: true
  host:
    description: The variable C(immich_scan_host).
    type: str
    required: true
  given:
    description: The variable C(immich_guard_folders).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show where the photos are on the NAS
  ansible.builtin.debug:
    msg: "{{ volumes | homelab.immich.host_folders(groups.nas | map('extract', hostvars), 'tank', {}) }}"
  vars:
    volumes: "{{ immich_volumes | homelab.immich.volumes(immich_name, groups.nas | map('extract', hostvars)) }}"
"""

RETURN = r"""
_value:
  description: A folder of the server, and where it is.
  type: dict
  sample: {/mnt/photos: /mnt/tank/photos}
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.schedules import host_folders


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"host_folders": host_folders}
