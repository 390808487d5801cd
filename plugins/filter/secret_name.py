# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: how the Secret of a purpose is called."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_name
short_description: Name the Secret of a purpose
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives the name of the existing Secret that C(immich_secrets) names for a purpose, or of the one that this collection renders.
positional: name, purpose
options:
  _input:
    description: The variable C(immich_secrets).
    type: dict
    required: true
  name:
    description: The variable C(immich_name), which names begin with.
    type: str
    required: true
  purpose:
    description: What the Secret is for, such as V(database).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show which Secret has the password of the database
  ansible.builtin.debug:
    msg: "{{ immich_secrets | homelab.immich.secret_name(immich_name, 'database') }}"
"""

RETURN = r"""
_value:
  description: The name.
  type: str
  sample: immich-database
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.secrets import secret_name


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"secret_name": secret_name}
