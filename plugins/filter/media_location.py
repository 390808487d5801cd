# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: where Immich keeps its uploads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: media_location
short_description: Say where Immich keeps its uploads
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - C(/data), or C(/usr/src/app/upload) for releases before v1.137 and for instances that still have their volume there.
  - Immich guesses this from the folders that exist. Its image always has C(/data), so the guess can be wrong.
positional: version
options:
  _input:
    description: The variable C(immich_volumes).
    type: list
    elements: dict
    required: true
  version:
    description: The variable C(immich_version).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show where uploads go
  ansible.builtin.debug:
    msg: "{{ immich_volumes | homelab.immich.media_location(immich_version) }}"
"""

RETURN = r"""
_value:
  description: The folder in the server's container.
  type: str
  sample: /data
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.plugin_utils.volumes import media_location as locate


def media_location(entries: list[dict[str, Any]], version: str) -> str:
    """Say where the server keeps its uploads."""
    try:
        return locate(entries, version)
    except ValueError as error:
        raise AnsibleFilterError(f"immich_version: {error}") from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"media_location": media_location}
