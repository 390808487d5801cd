# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: Immich's system settings, as the inventory makes them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: system_settings
short_description: Complete the system settings of an inventory
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives the settings that C(immich_settings) names, over those that follow from the rest of the inventory, the public address and the hardware that
    transcodes. Immich's own scans are off, always.
positional: url, acceleration, version
options:
  _input:
    description: The variable C(immich_settings).
    type: dict
    required: true
  url:
    description: The variable C(immich_url).
    type: str
    required: true
  acceleration:
    description: The variable C(immich_server_acceleration).
    type: str
    required: true
  version:
    description: The variable C(immich_version). Releases name some values differently.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the settings that Immich gets
  ansible.builtin.debug:
    msg: "{{ {'trash': {'days': 60}} | homelab.immich.system_settings(immich_url, immich_server_acceleration, immich_version) }}"
"""

RETURN = r"""
_value:
  description: Settings, nested as Immich nests them.
  type: dict
  sample:
    server: {externalDomain: "https://photos.example.net"}
    ffmpeg: {accel: disabled}
    trash: {days: 60}
    library: {scan: {enabled: false}, watch: {enabled: false}}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.plugin_utils.system_settings import system_settings as completed


def system_settings(given: Mapping[str, Any], url: str, acceleration: str, version: str) -> dict[str, Any]:
    """Complete the settings."""
    try:
        return completed(given, url, acceleration, version)
    except ValueError as error:
        raise AnsibleFilterError(f"immich_version: {error}") from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"system_settings": system_settings}
