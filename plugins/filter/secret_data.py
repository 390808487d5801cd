# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what is in a Secret that was written to a file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_data
short_description: Read the keys and values of a Secret from its YAML
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives what C(data) and C(stringData) of a Secret have, as plain text, C(stringData) first.
positional: needed
options:
  _input:
    description: A Secret of Kubernetes as YAML, decrypted.
    type: str
    required: true
  needed:
    description: Keys that it has to have.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show which keys an encrypted Secret has
  ansible.builtin.debug:
    msg: "{{ decrypted | homelab.immich.secret_data(['password']) | list }}"
  vars:
    decrypted: "{{ {'kind': 'Secret', 'stringData': {'password': 'hunter2'}} | to_yaml }}"
"""

RETURN = r"""
_value:
  description: Values by their keys.
  type: dict
  sample: {password: hunter2}
"""

from collections.abc import Callable, Iterable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.plugin_utils.secrets import read


def secret_data(text: str, needed: Iterable[str]) -> dict[str, str]:
    """Read a Secret."""
    try:
        return read(text, needed)
    except ValueError as error:
        raise AnsibleFilterError(f"immich_secrets: {error}") from None  # nothing of the text is shown


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"secret_data": secret_data}
