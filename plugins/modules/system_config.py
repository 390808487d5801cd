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
  configmap:
    description:
      - Name of the ConfigMap in O(namespace) of O(context) that the guards of the server share. While it says that the brake is set
        (M(homelab.immich.brake)), the settings that the brake holds are left as they are, with a warning.
    type: str
  remembered:
    description:
      - What another memory remembers of the brake, RV(homelab.immich.guard_info#module:brake). It counts as if the ConfigMap said it.
    type: dict
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
held:
  description: Names of the settings in O(settings) that are left as they are, because the brake holds them.
  type: list
  elements: str
  returned: success
  sample: [nightlyTasks.databaseCleanup]
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

import copy
from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.guard.brake import held
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import both, memory_of_brake
from ansible_collections.homelab.immich.plugins.module_utils.immich import settings
from ansible_collections.homelab.immich.plugins.module_utils.immich.guard_memory import shared_memory
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule


def without(given: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Leave settings out, by dotted name."""
    result = copy.deepcopy(dict(given))
    for name in names:
        *groups, last = name.split(".")
        place = result
        for group in groups:
            place = place[group]
        place.pop(last)
    return result


def main() -> None:
    """Run the module."""
    module = ImmichModule({"settings": {"type": "dict", "required": True}, "configmap": {"type": "str"}, "remembered": {"type": "dict"}})
    module.hide(*settings.secrets(module.params["settings"]))
    with module.api() as api:
        shared = shared_memory(module.params, read_only=True)
        brake = both(memory_of_brake(shared) if shared else None, module.params["remembered"])
        wanted = dict(settings.flat(module.params["settings"]))
        left = sorted(name for name, value in held(api).items() if brake and wanted.get(name, value) != value)
        if left:
            stay = f"{', '.join(left)} {'stays' if len(left) == 1 else 'stay'} as the brake has it"
            api.warnings.append(
                f"The brake is set since {brake['since']}: {stay}, and not as settings says. When all photos are back, release it with playbooks/brake.yml "
                "(-e immich_brake=released), and run this again."
            )
        updated = settings.ensure(api, without(module.params["settings"], left), check_mode=module.check_mode, record=module.record)
    module.exit(updated=updated, held=left)


if __name__ == "__main__":
    main()
