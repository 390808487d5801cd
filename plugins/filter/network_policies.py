# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: the network policies of an instance, and where its ways in run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: network_policies
short_description: Say which pods of an instance may talk to whom
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives a policy for each part of an instance, and one that denies everything else.
positional: kind
options:
  _input:
    description:
      - What there is. C(name), C(namespace), C(split), C(machine_learning), C(database), C(cache), C(settings), C(stores), C(way_in), C(nodes), C(allow),
        C(dashboard), C(monitoring) and the namespaces of the operators, as the template of the role network_policy writes them.
    type: dict
    required: true
  kind:
    description: C(kubernetes) for a NetworkPolicy, C(cilium) for a CiliumNetworkPolicy.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show who may ask machine learning
  ansible.builtin.debug:
    msg: "{{ (facts | homelab.immich.network_policies('kubernetes') | selectattr('component', 'eq', 'machine-learning') | first).spec.ingress }}"
  vars:
    facts:
      name: immich
      namespace: immich
      split: false
      machine_learning: true
      database: {provider: cnpg, cluster: immich-db, namespace: immich, host: '', port: 5432}
      cache: {provider: valkey, host: '', port: 6379}
      settings: {}
      stores: []
      way_in: [traefik]
      nodes: [192.0.2.0/24]
      allow: []
      dashboard: ''
      monitoring: false
      monitoring_namespace: monitoring
      cnpg_namespace: cnpg-system
      dragonfly_namespace: dragonfly-operator-system
"""

RETURN = r"""
_value:
  description: The policies. C(namespace) is where each belongs.
  type: list
  elements: dict
  sample:
    - apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      name: immich-default
      namespace: immich
      component: default
      spec: {podSelector: {matchLabels: {app.kubernetes.io/instance: immich}}, policyTypes: [Ingress, Egress], ingress: [], egress: []}
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.network_policy import render


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"network_policies": render}
