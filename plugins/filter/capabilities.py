# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what a release of Immich has."""

from __future__ import annotations

DOCUMENTATION = r"""
name: capabilities
short_description: Say what a release of Immich has
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Looks the release up in the table of the collection, so that no template compares version numbers.
options:
  _input:
    description: The variable C(immich_version), such as C(v3.3.5).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show whether the sign-up of an administrator can be switched off
  ansible.builtin.debug:
    msg: "{{ (immich_version | homelab.immich.capabilities).allow_setup_env }}"
"""

RETURN = r"""
_value:
  description: Each capability, and whether this release has it.
  type: dict
  sample: {allow_setup_env: true, ping_in_maintenance: true, queues_api: true}
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.module_utils.immich import versions


def capabilities(version: str) -> dict[str, bool]:
    """Look a release up."""
    try:
        known = versions.capabilities(version)
    except ValueError as error:
        raise AnsibleFilterError(f"immich_version: {error}") from error
    values = {field.name: getattr(known, field.name) for field in dataclasses.fields(known)}
    return {name: value for name, value in values.items() if isinstance(value, bool)}


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"capabilities": capabilities}
