# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the namespaces of the controllers of the ways in."""

from __future__ import annotations

DOCUMENTATION = r"""
name: way_in_namespaces
short_description: Say in which namespaces the controllers of the ways in usually run
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Goes by the type of each entry, and by the name of its class. Network policies let these namespaces ask the server.
options:
  _input:
    description: The variable C(immich_ingress).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show from where network policies let people in
  ansible.builtin.debug:
    msg: "{{ immich_ingress | homelab.immich.way_in_namespaces }}"
"""

RETURN = r"""
_value:
  description: Names of namespaces. None when a class does not say whose it is.
  type: list
  elements: str
  sample: [traefik, kube-system]
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.network_policy import way_in_namespaces


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"way_in_namespaces": way_in_namespaces}
