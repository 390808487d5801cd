# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the options of ioredis as one address."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ioredis_url
short_description: Write the options of ioredis as Immich takes them
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Gives what Immich takes as C(REDIS_URL), which is C(ioredis://) and the options of the ioredis library as JSON in base64.
  - With it Immich reaches a Redis by its Sentinels.
  - It is a secret if a password is among the options.
options:
  _input:
    description: The options, as U(https://redis.github.io/ioredis/index.html#RedisOptions) has them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what Immich takes as REDIS_URL
  ansible.builtin.debug:
    msg: "{{ options | homelab.immich.ioredis_url }}"
  vars:
    options: {sentinels: [{host: sentinel.example.net, port: 26379}], name: mymaster, db: 0}
"""

RETURN = r"""
_value:
  description: The address.
  type: str
  sample: ioredis://eyJkYiI6MH0=
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.cache import ioredis_url


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"ioredis_url": ioredis_url}
