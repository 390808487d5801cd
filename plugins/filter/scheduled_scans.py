# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the scans that are started by the clock."""

from __future__ import annotations

DOCUMENTATION = r"""
name: scheduled_scans
short_description: Say which libraries are scanned by the clock, and what their guards mount
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - For each library that has a schedule, the name of its CronJob, the volumes that the guard mounts to look at its files, and what the guard is told.
positional: volumes, name, media
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
  name:
    description: The variable C(immich_name), which the names of the CronJobs begin with.
    type: str
    required: true
  media:
    description: Where Immich keeps its own files, as the filter P(homelab.immich.media_location#filter) says.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show when which library is scanned
  ansible.builtin.debug:
    msg: "{{ scans | items2dict('library', 'schedule') }}"
  vars:
    volumes: "{{ immich_volumes | homelab.immich.volumes(immich_name, groups.nas | map('extract', hostvars)) }}"
    scans: "{{ immich_libraries | homelab.immich.scheduled_scans(volumes, immich_name, '/data') }}"
"""

RETURN = r"""
_value:
  description: The scans, in the order of the libraries.
  type: list
  elements: dict
  sample:
    - name: immich-scan-nas-photos-5f2a0c
      library: NAS photos
      schedule: 0 */6 * * *
      volumes: [{name: photos, claim: immich-photos, mount: /mnt/photos}]
      config: {media: /data, sentinels: [/mnt/photos/.immich-guard/photos]}
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.schedules import scheduled


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"scheduled_scans": scheduled}
