# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: which libraries are on which NAS."""

from __future__ import annotations

DOCUMENTATION = r"""
name: libraries_of_nas
short_description: Say which libraries are on which NAS, and where
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Groups libraries by the host of the group C(nas) that exports them over NFS, as M(homelab.immich.zfs_changes) takes them.
positional: volumes, nas, live
options:
  _input:
    description: The variable C(immich_libraries).
    type: list
    elements: dict
    required: true
  volumes:
    description: What the filter P(homelab.immich.volumes#filter) makes of C(immich_volumes).
    type: list
    elements: dict
    required: true
  nas:
    description: The variables of the hosts of the group C(nas).
    type: list
    elements: dict
    required: true
  live:
    description: RV(homelab.immich.library_info#module:libraries), with O(homelab.immich.library_info#module:statistics).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show where the libraries are
  ansible.builtin.debug:
    msg: "{{ immich_libraries | homelab.immich.libraries_of_nas(volumes, nas, []) }}"
  vars:
    nas: "{{ groups.nas | map('extract', hostvars) }}"
    volumes: "{{ immich_volumes | homelab.immich.volumes(immich_name, nas) }}"
"""

RETURN = r"""
_value:
  description: The hosts, and their libraries.
  type: list
  elements: dict
  sample:
    - host: tank
      libraries: [{name: NAS photos, owner: admin@example.net, folders: {/mnt/photos: /mnt/tank/photos}, exclusion_patterns: [], total: 0}]
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.zfs import libraries_of_nas


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"libraries_of_nas": libraries_of_nas}
