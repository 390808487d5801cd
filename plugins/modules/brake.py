# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: brake
short_description: Keep an Immich server from purging its trash until somebody looked
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - What a scan trashed by mistake comes back with albums and faces when its files are back, as long as the nightly purge has not taken it.
    The brake switches off that purge (C(nightlyTasks.databaseCleanup); on v1.135, which has no such setting, C(trash.days) becomes ten years) and the
    scans that the server starts by itself. M(homelab.immich.guarded_scan) sets the same brake when it has to.
  - What was changed is remembered in O(memory), and exactly that is put back on release. What somebody else has changed in the meantime is left alone.
  - A server that takes its settings from a file (C(IMMICH_CONFIG_FILE)) refuses changes; the error says what to write there.
options:
  state:
    description: Whether the brake is to be set or released.
    type: str
    choices: [set, released]
    default: set
  memory:
    description: The folder of O(homelab.immich.guarded_scan#module:memory).
    type: path
    required: true
  configmap:
    description:
      - Name of a ConfigMap in O(namespace) of O(context) that keeps what the brake changed and the records in the place of O(memory), for all guards of the
        server. What one has braked, another knows of. It is made when it is missing.
    type: str
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: Nothing is purged from now on
  homelab.immich.brake:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    memory: /var/lib/immich-guard

- name: Everything is back
  homelab.immich.brake:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    memory: /var/lib/immich-guard
    state: released
"""

RETURN = r"""
since:
  description: When the brake was set. Null if it is not, and before the first setting.
  type: str
  returned: success
why:
  description: What it was set for, in words.
  type: str
  returned: success
left_alone:
  description: Settings that somebody else has changed since, and that a release therefore did not put back.
  type: list
  elements: str
  returned: success
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from ansible_collections.homelab.immich.plugins.module_utils.guard.brake import release, set_brake
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import Busy, State
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.guard_memory import shared_memory
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule


def main() -> None:
    """Run the module."""
    module = ImmichModule(
        {
            "state": {"type": "str", "choices": ["set", "released"], "default": "set"},
            "memory": {"type": "path", "required": True},
            "configmap": {"type": "str"},
        }
    )
    left_alone: list[str] = []
    with module.api() as api:
        memory = State(module.params["memory"], shared_memory(module.params, read_only=module.check_mode))
        try:
            with memory.alone(unless=module.check_mode):
                before = memory.brake()
                if module.params["state"] == "released":
                    left_alone = release(api, memory, check_mode=module.check_mode, record=module.record)
                else:
                    set_brake(api, memory, {"why": "Set by hand."}, check_mode=module.check_mode, record=module.record)
                now = before or memory.brake() or {}
        except Busy as reason:
            raise ImmichError(f"Put off: {reason}.") from reason
    module.exit(since=now.get("since"), why=now.get("why"), left_alone=left_alone)


if __name__ == "__main__":
    main()
