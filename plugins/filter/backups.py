# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the backups of volumes."""

from __future__ import annotations

DOCUMENTATION = r"""
name: backups
short_description: Work out which volumes are backed up, where to and how
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - For each backup of each volume, what its objects are called, what VolSync is told, and as whom it reads.
positional: volumes, name, secrets, run_as, snapshot_classes
options:
  _input:
    description: The variable C(immich_volumes).
    type: list
    elements: dict
    required: true
  volumes:
    description: What the filter P(homelab.immich.volumes#filter) makes of it.
    type: list
    elements: dict
    required: true
  name:
    description: The variable C(immich_name), which names begin with.
    type: str
    required: true
  secrets:
    description: The variable C(immich_secrets), for the names of Secrets that exist.
    type: dict
    default: {}
  run_as:
    description: The variable C(immich_run_as). Root when it is empty.
    type: dict
    default: {}
  snapshot_classes:
    description: The variable C(immich_backup_snapshot_classes).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show which volume goes to which repository
  ansible.builtin.debug:
    msg: "{{ mine | homelab.immich.backups(volumes, immich_name) | items2dict('name', 'repository') }}"
  vars:
    mine: "{{ immich_volumes[:1] | map('combine', {'backup': {'schedule': '0 3 * * *', 'repository': 's3:https://s3.example.net/bucket/media'}}) }}"
    volumes: "{{ mine | homelab.immich.volumes(immich_name, groups.nas | map('extract', hostvars)) }}"
"""

RETURN = r"""
_value:
  description: The backups, in the order of the volumes.
  type: list
  elements: dict
  sample:
    - name: immich-media
      job: immich-backup-media
      secret: immich-backup-media
      volume: {name: media, claim: immich-media, mount: /data}
      schedule: 0 3 * * *
      repository: s3:https://s3.example.net/bucket/media
      port: 443
      nfs:
      ca:
      retain: {daily: 7, weekly: 4, monthly: 6}
      prune_interval_days: 7
      copy_method: Direct
      snapshot_class:
      uid: 1000
      gid: 1000
      fs_group: true
      cache_size:
      max_removed: 10%
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.backup import resolve


def backups(
    entries: Iterable[Mapping[str, Any]],
    volumes: Iterable[Mapping[str, Any]],
    name: str,
    secrets: Mapping[str, Any] | None = None,
    run_as: Mapping[str, Any] | None = None,
    snapshot_classes: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Work out the backups."""
    return resolve(entries, volumes, name, secrets or {}, run_as or {}, snapshot_classes or {})


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"backups": backups}
