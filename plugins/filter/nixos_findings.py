# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: where a NixOS NAS is not as declared."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nixos_findings
short_description: Say where a NixOS NAS is not as declared
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Makes sense of what the script of P(homelab.immich.nixos_look#filter) printed.
positional: seen, host
options:
  _input:
    description: The variable C(nas_exports).
    type: list
    elements: dict
    required: true
  seen:
    description: What the script printed.
    type: str
    required: true
  host:
    description: What the NAS is called in messages.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what differs
  ansible.builtin.debug:
    msg: "{{ nas_exports | homelab.immich.nixos_findings(seen.stdout, inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: One entry for each finding, with C(export), C(severity) (error or warning) and C(message).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.nixos import findings


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"nixos_findings": findings}
