# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: queue_info
short_description: Read the queues of an Immich server
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Reads which queues there are, which are paused, and how many jobs they hold.
options:
  names:
    description: Only these queues. One that the server does not have is an error.
    type: list
    elements: str
    aliases: [name]
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes.read_only
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: What the server is busy with
  homelab.immich.queue_info:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
  register: found

- name: Show the queues with failed jobs
  ansible.builtin.debug:
    msg: "{{ found.queues | selectattr('failed') | items2dict(key_name='name', value_name='failed') }}"
"""

RETURN = r"""
queues:
  description: The queues, in the order of the server.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name.
      type: str
    paused:
      description: Whether it is paused.
      type: bool
    active:
      description: How many jobs run.
      type: int
    waiting:
      description: How many jobs wait for their turn.
      type: int
    delayed:
      description: How many jobs start at a later time.
      type: int
    held:
      description: How many jobs wait because the queue is paused.
      type: int
    failed:
      description: How many jobs failed since somebody last cleared them.
      type: int
    idle:
      description: Whether no job runs or waits.
      type: bool
idle:
  description: Whether all of these queues are idle.
  type: bool
  returned: success
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from ansible_collections.homelab.immich.plugins.module_utils.immich import queues
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule


def main() -> None:
    """Run the module."""
    module = ImmichModule({"names": {"type": "list", "elements": "str", "aliases": ["name"]}})
    with module.api() as api:
        found = [queue.shown() for queue in queues.Queues(api).chosen(module.params["names"])]
    module.exit(queues=found, idle=all(queue["idle"] for queue in found))


if __name__ == "__main__":
    main()
