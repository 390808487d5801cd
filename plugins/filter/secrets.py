# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the Secrets of an instance."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secrets
short_description: Work out which Secrets an instance has
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives every purpose that the instance has the name of its Secret, its source and what has to be in it.
positional: name, volumes, cache_provider, cache_host, rehearsal, database
options:
  _input:
    description: The variable C(immich_secrets).
    type: dict
    required: true
  name:
    description: The variable C(immich_name), which names begin with.
    type: str
    required: true
  volumes:
    description: The variable C(immich_volumes). A share needs somebody to log in as, and each backup has a Secret of its own.
    type: list
    elements: dict
    required: true
  cache_provider:
    description: The variable C(immich_cache_provider).
    type: str
    required: true
  cache_host:
    description: The variable C(immich_cache_host).
    type: str
    required: true
  rehearsal:
    description: The variable C(immich_rehearsal). A rehearsal reads no real secret.
    type: bool
    required: true
  database:
    description:
      - The C(provider) of the database, its C(namespace) unless that is the one of the instance, and the variable C(immich_database_backup) as C(backup).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show where the Secrets of an instance come from
  ansible.builtin.debug:
    msg: "{{ immich_secrets | homelab.immich.secrets(immich_name, immich_volumes, 'valkey', '', immich_rehearsal) | items2dict('purpose', 'source') }}"
"""

RETURN = r"""
_value:
  description: The Secrets.
  type: list
  elements: dict
  sample:
    - name: immich-database
      purpose: database
      namespaces: [""]
      source: generated
      given:
      keys: [username, password]
      generate: [password]
      fixed: {username: immich}
      type: kubernetes.io/basic-auth
      labels: {cnpg.io/reload: "true"}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.plugin_utils import backup
from ansible_collections.homelab.immich.plugins.plugin_utils.secrets import resolve, wanted


def secrets(
    sources: Mapping[str, Any],
    name: str,
    volumes: Sequence[Mapping[str, Any]],
    cache_provider: str,
    cache_host: str,
    rehearsal: bool,
    database: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Resolve immich_secrets."""
    try:
        named = resolve(sources, name, wanted(sources, volumes, cache_provider, cache_host, database), rehearsal, database)
        return named + backup.secrets(sources, volumes, name, rehearsal)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"secrets": secrets}
