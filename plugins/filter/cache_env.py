# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: how Immich reaches its queue."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cache_env
short_description: Give the environment variables by which Immich reaches its queue
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives C(REDIS_HOSTNAME), C(REDIS_PORT) and what else Immich needs, or C(REDIS_URL) alone. A secret is a reference to its Secret.
positional: in_cluster, external, secrets
options:
  _input:
    description: The variable C(immich_cache_provider).
    type: str
    required: true
  in_cluster:
    description: The Service of the queue that this collection runs.
    type: str
    required: true
  external:
    description: C(host), C(port), C(username) and C(database) of the one that somebody else runs.
    type: dict
    required: true
  secrets:
    description: The Secrets of the instance, as the filter P(homelab.immich.secrets#filter) gives them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show how the server reaches a Redis of somebody else
  ansible.builtin.debug:
    msg: "{{ 'external' | homelab.immich.cache_env('', external, []) }}"
  vars:
    external: {host: redis.example.net, port: 6379, username: '', database: 1}
"""

RETURN = r"""
_value:
  description: Variables, and their values or what C(valueFrom) of Kubernetes takes.
  type: dict
  sample: {REDIS_HOSTNAME: redis.example.net, REDIS_PORT: 6379, REDIS_DBINDEX: 1}
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.cache import environment


def cache_env(provider: str, in_cluster: str, external: Mapping[str, Any], secrets: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Work out the variables."""
    return environment(provider, in_cluster, external, {secret["purpose"]: secret["name"] for secret in secrets})


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"cache_env": cache_env}
