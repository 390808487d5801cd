# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what the entries of immich_volumes mean."""

from __future__ import annotations

DOCUMENTATION = r"""
name: volumes
short_description: Work out what the entries of immich_volumes mean
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives every entry all its keys, the name of its claim, its access mode and mount options.
  - An export becomes the server and path of the host in the group C(nas) that exports it.
  - The result is sorted by mount point, so that a parent comes before what is mounted below it.
positional: name, nas, run_as
options:
  _input:
    description: The variable C(immich_volumes).
    type: list
    elements: dict
    required: true
  name:
    description: The variable C(immich_name), which claim names begin with.
    type: str
    required: true
  nas:
    description: The variables of the hosts in the group C(nas).
    type: list
    elements: dict
    required: true
  run_as:
    description: The variable C(immich_run_as), to whom files on SMB belong. Root when it is empty.
    type: dict
"""

EXAMPLES = r"""
- name: Show which claims the server mounts
  ansible.builtin.debug:
    msg: "{{ volumes | selectattr('pods', 'contains', 'server') | map(attribute='claim') }}"
  vars:
    volumes: "{{ immich_volumes | homelab.immich.volumes(immich_name, groups.nas | map('extract', hostvars)) }}"
"""

RETURN = r"""
_value:
  description: The volumes, sorted by mount point.
  type: list
  elements: dict
  sample:
    - name: photos
      claim: immich-photos
      mount: /mnt/photos
      size: 2Ti
      read_only: true
      pods: [server]
      access_mode: ReadOnlyMany
      mount_options: [nfsvers=4.1, hard, noatime, ro]
      static: true
      nfs: {server: 192.0.2.10, path: /mnt/tank/photos, csi: false}
      smb:
      sentinel: /mnt/photos/.immich-guard/photos
      host_path:
      storage_class:
      existing_claim:
      foreign: false
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.plugin_utils.volumes import resolve


def volumes(entries: Iterable[Mapping[str, Any]], name: str, nas: Iterable[Mapping[str, Any]], run_as: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Resolve the entries of immich_volumes."""
    try:
        return resolve(entries, name, nas, run_as)
    except ValueError as error:
        raise AnsibleFilterError(f"immich_volumes: {error}") from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"volumes": volumes}
