# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the exports of a NAS as a NixOS module."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nixos_module
short_description: Write the exports of a NAS as a NixOS module
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - The NFS server, its exports and the firewall. It makes no folder, so an export whose dataset is not mounted is missing and not empty.
positional: host
options:
  _input:
    description: The variable C(nas_exports).
    type: list
    elements: dict
    required: true
  host:
    description: What the NAS is called, for the comment at the top.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the module into a checkout
  ansible.builtin.copy:
    content: "{{ nas_exports | homelab.immich.nixos_module(inventory_hostname) }}"
    dest: ~/src/homelab/nixos/hosts/cardinal/immich-exports.nix
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The text of the file.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.plugin_utils.nixos.module import render


def nixos_module(exports: list[dict[str, Any]], host: str) -> str:
    """Write the exports of a NAS as a NixOS module."""
    try:
        return render(exports, host)
    except ValueError as error:
        raise AnsibleFilterError(f"nas_exports: {error}") from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"nixos_module": nixos_module}
