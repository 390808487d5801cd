# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the commands that make the sentinels of a NAS by hand."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sentinel_commands
short_description: Say how to make the sentinels of a NAS by hand
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - A sentinel is the folder C(.immich-guard/<name of the export>) at the root of an export. With ZFS every dataset below it has one too, and the commands
    make it only where the dataset is mounted.
positional: provider
options:
  _input:
    description: The variable C(nas_exports). Of SMB shares the folder is not known, so their commands are for a shell that is in it.
    type: list
    elements: dict
    required: true
  provider:
    description: The variable C(nas_provider).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what to run on the NAS
  ansible.builtin.debug:
    msg: "{{ nas_exports | homelab.immich.sentinel_commands('none') }}"
"""

RETURN = r"""
_value:
  description: One command a line, to be run on the NAS.
  type: list
  elements: str
  sample: [sudo mkdir -p /volume1/photos/.immich-guard/photos]
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils import nas


def sentinel_commands(exports: list[dict[str, Any]], provider: str) -> list[str]:
    """Say how to make the sentinels of a NAS by hand."""
    return [command for export in exports for command in nas.sentinel_commands(export, provider)]


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"sentinel_commands": sentinel_commands}
