# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the pods that come to a NAS with supplemental groups."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pods_with_groups
short_description: Find the pods that use an export with supplemental groups
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Reads C(immich_run_as), C(immich_volumes) and C(immich_patches) of every instance. Pods have no supplemental groups but those that a patch gives them.
  - A NAS may not count them. The module M(homelab.immich.linux_nfs_export) takes the result, and says where that matters.
options:
  _input:
    description: The variables of the hosts of the group C(immich).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show who comes with supplemental groups
  ansible.builtin.debug:
    msg: "{{ groups.immich | map('extract', hostvars) | homelab.immich.pods_with_groups }}"
"""

RETURN = r"""
_value:
  description: One entry a volume, as the option O(homelab.immich.linux_nfs_export#module:pods) takes it.
  type: list
  elements: dict
  sample: [{who: photos of home, export: photos, access: ro, uid: 5000, gid: 5000, groups: [1000]}]
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.pod_groups import pods_with_groups


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"pods_with_groups": pods_with_groups}
