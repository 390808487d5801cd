# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the scans that the systemd of a host starts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_scans
short_description: Say which libraries a host scans by the clock, when, and what its guard is told
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - For each library that has a schedule, the name of its systemd units, the calendar events of its timer, and what the guard is told.
  - Cron is read as Kubernetes reads it, and so are both kinds of days in one expression, which become two calendar events.
positional: volumes, folders, instance, media, zone
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
  folders:
    description: Where folders of the server are on the host, as the filter P(homelab.immich.host_folders#filter) says.
    type: dict
    required: true
  instance:
    description: The name of the instance in the inventory, which the names of the units have in them.
    type: str
    required: true
  media:
    description: Where Immich keeps its own files, as the filter P(homelab.immich.media_location#filter) says.
    type: str
    required: true
  zone:
    description: The variable C(immich_timezone).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show when systemd scans which library
  ansible.builtin.debug:
    msg: "{{ scans | items2dict('library', 'calendar') }}"
  vars:
    volumes: "{{ immich_volumes | homelab.immich.volumes(immich_name, groups.nas | map('extract', hostvars)) }}"
    scans: "{{ immich_libraries | homelab.immich.host_scans(volumes, {'/mnt/photos': '/srv/photos'}, inventory_hostname, '/data', 'Europe/Amsterdam') }}"
"""

RETURN = r"""
_value:
  description: The scans, in the order of the libraries. The last one has no library; it looks for scans outside the guard, every hour.
  type: list
  elements: dict
  sample:
    - name: immich-guard-photos-scan-nas-photos-5f2a0c
      library: NAS photos
      command: scan
      calendar: ["*-*-* 00,06,12,18:00:00 Europe/Amsterdam"]
      looks_at: [/srv/photos]
      config: {view: mount, folders: {/mnt/photos: /srv/photos}, sentinels: [/mnt/photos/.immich-guard/photos]}
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.schedules import on_host


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"host_scans": on_host}
