# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: which settings have their values in Secrets."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret_settings
short_description: Say which of Immich's settings come from Secrets
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Where a file owns the settings, the values of some come from Secrets, for the purposes C(oauth) and C(smtp) of C(immich_secrets).
positional: name
options:
  _input:
    description: The variable C(immich_secrets).
    type: dict
    required: true
  name:
    description: The variable C(immich_name), which names begin with.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show where the client secret of single sign-on is
  ansible.builtin.debug:
    msg: "{{ {'oauth': {'existing': 'authelia'}} | homelab.immich.secret_settings(immich_name) }}"
"""

RETURN = r"""
_value:
  description: The Secret and its key, by the dotted name of the setting.
  type: dict
  sample: {oauth.clientSecret: {name: authelia, key: clientSecret}}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.secrets import secret_name
from ansible_collections.homelab.immich.plugins.plugin_utils.system_settings import secret_settings as found


def secret_settings(sources: Mapping[str, Any], name: str) -> dict[str, dict[str, str]]:
    """Say where the values of settings are."""
    return {setting: {"name": secret_name(sources, name, purpose), "key": key} for setting, (purpose, key) in found(sources).items()}


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"secret_settings": secret_settings}
