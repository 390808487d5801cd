# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the ways in."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ways_in
short_description: Give every way in its name and its annotations
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Adds to each entry of C(immich_ingress) what its objects are called and which annotations its controller, cert-manager and the dashboard read.
positional: name, namespace, url, dashboard
options:
  _input:
    description: The variable C(immich_ingress).
    type: list
    elements: dict
    required: true
  name:
    description: The variable C(immich_name).
    type: str
    required: true
  namespace:
    description: The variable C(immich_namespace).
    type: str
    required: true
  url:
    description: The variable C(immich_url), which the dashboard links to.
    type: str
    required: true
  dashboard:
    description: The variable C(immich_dashboard).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show which objects let people in
  ansible.builtin.debug:
    msg: "{{ immich_ingress | homelab.immich.ways_in(immich_name, immich_namespace, immich_url) | items2dict('name', 'kind') }}"
"""

RETURN = r"""
_value:
  description: The ways in, in the order of the entries.
  type: list
  elements: dict
  sample:
    - name: immich-server
      type: ingress
      kind: Ingress
      hosts: [photos.example.net]
      annotations: {cert-manager.io/cluster-issuer: letsencrypt}
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.ways_in import resolve


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"ways_in": resolve}
