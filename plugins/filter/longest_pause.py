# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: how far apart the times of a schedule are."""

from __future__ import annotations

DOCUMENTATION = r"""
name: longest_pause
short_description: Say how far apart the times of a schedule can be
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - The longest time between two runs of a cron expression in seconds, for an alert on what did not run.
options:
  _input:
    description: Five cron fields, six with the seconds first, or a name such as C(@daily).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show after how many hours a backup on working days is late
  ansible.builtin.debug:
    msg: "{{ '0 3 * * 1-5' | homelab.immich.longest_pause // 3600 }}"
"""

RETURN = r"""
_value:
  description: Seconds.
  type: int
  sample: 86400
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homelab.immich.plugins.plugin_utils import cron


def longest_pause(schedule: str) -> int:
    """Say how far apart the times are."""
    try:
        return cron.longest_pause(schedule)
    except ValueError as error:
        raise AnsibleFilterError(f"{error}. Write five cron fields, such as 0 3 * * *.") from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"longest_pause": longest_pause}
