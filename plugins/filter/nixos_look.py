# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: look at a NixOS NAS without Python there."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nixos_look
short_description: Write the commands that look at the exports of a NixOS NAS
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - A shell script that only reads. It needs no Python on the NAS; P(homelab.immich.nixos_findings#filter) makes sense of what it prints.
options:
  _input:
    description: The variable C(nas_exports).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Look
  ansible.builtin.raw: "{{ nas_exports | homelab.immich.nixos_look }}"
  changed_when: false
"""

RETURN = r"""
_value:
  description: The script.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.nixos import look_script


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"nixos_look": look_script}
