# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: system_config
short_description: Manage the system settings of an Immich server
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Lays O(settings) over the settings that the server has. All others are left alone.
  - A setting that the server does not know is an error that names it, before anything is changed.
  - A server that takes its settings from a file (C(IMMICH_CONFIG_FILE)) refuses changes. That is an error only where there is something to change.
  - Values of settings whose name ends in secret, password or token are never shown.
options:
  settings:
    description:
      - Settings, nested as Immich nests them.
      - A list replaces the list that the server has.
    type: dict
    required: true
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: Keep the trash for two months, and sign in elsewhere
  homelab.immich.system_config:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    settings:
      trash:
        days: 60
      oauth:
        enabled: true
        issuerUrl: https://login.example.net
        clientId: immich
        clientSecret: "{{ vault_oauth_secret }}"
"""

RETURN = r"""
updated:
  description: Names of the settings that changed.
  type: list
  elements: str
  returned: success
  sample: [trash.days]
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from ansible_collections.homelab.immich.plugins.module_utils.immich import settings
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule


def main() -> None:
    """Run the module."""
    module = ImmichModule({"settings": {"type": "dict", "required": True}})
    module.hide(*settings.secrets(module.params["settings"]))
    with module.api() as api:
        updated = settings.ensure(api, module.params["settings"], check_mode=module.check_mode, record=module.record)
    module.exit(updated=updated)


if __name__ == "__main__":
    main()
