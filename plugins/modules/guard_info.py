# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guard_info
short_description: Tell what the guards of an Immich server did last, and whether the brake is set
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Reads the ConfigMap that the guards of a server share, those of the cluster and those of playbooks. Immich is not asked.
  - Where the systemd of a host scans by the clock, a folder of that host takes its place (O(memory)), and the module runs there.
options:
  configmap:
    description: Its name. One that is not there is as good as an empty one. With an empty name only O(memory) is read.
    type: str
    default: immich-guard-memory
  memory:
    description:
      - Folder of O(homelab.immich.guarded_scan#module:memory). A brake that is remembered there counts as well as that of the ConfigMap.
    type: path
  namespace:
    description: Its namespace.
    type: str
    default: immich
  context:
    description: The context of the kubeconfig. Required with O(configmap).
    type: str
    required: false
extends_documentation_fragment:
  - homelab.immich.kubernetes
  - homelab.immich.attributes.read_only
"""

EXAMPLES = r"""
- name: See whether the brake is set
  homelab.immich.guard_info:
    context: homelab
  register: guard

- name: Say why
  ansible.builtin.debug:
    msg: "{{ (guard.brake or {}).why | default('The brake is not set.') }}"
"""

RETURN = r"""
records:
  description: What the last runs did, the oldest first. See RV(homelab.immich.guarded_scan#module:libraries); each has the time (at) too.
  type: list
  elements: dict
  returned: success
brake:
  description: Since when (since) and why (why) the brake is set, and what it changed. Null while it is not set.
  type: dict
  returned: success
host:
  description: The host of the inventory whose systemd scans by the clock (C(immich_scan_host)), as the ConfigMap says. Empty where none does.
  type: str
  returned: success
scanned_there:
  description: The libraries that it scans.
  type: list
  elements: str
  returned: success
"""

from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.guard_memory import scan_host, shared_memory

# a folder that is not there has nothing to say
NOWHERE = "/nonexistent"
SPEC = {
    "configmap": {"type": "str", "default": "immich-guard-memory"},
    "namespace": {"type": "str", "default": "immich"},
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "memory": {"type": "path"},
    "rehearsal": {"type": "bool", "default": False},
}


def main(ansible_module: Callable[..., AnsibleModule] = AnsibleModule) -> None:
    """Run the module."""
    module = ansible_module(argument_spec=SPEC, supports_check_mode=True)
    try:
        if not (module.params["context"] or (module.params["memory"] and not module.params["configmap"])):
            raise ImmichError("Give context, the context of the kubeconfig; or memory, with an empty configmap.")
        memory = State(module.params["memory"] or NOWHERE, shared_memory(module.params, read_only=True))
        records, brake = memory.records(), memory.brake()
        host, scanned = scan_host(module.params)
    except ImmichError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, records=records, brake=brake, host=host, scanned_there=scanned)


if __name__ == "__main__":
    main()
