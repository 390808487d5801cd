# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What the modules support, said once."""

    # a module that changes something
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Says truthfully what would change, without a single request that changes something.
  diff_mode:
    support: full
    description: Shows only what differs, one entry per thing.
"""

    # a module that only reads
    READ_ONLY = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Changes nothing, in check mode or not.
  diff_mode:
    support: N/A
    description: Changes nothing.
"""

    # modules that take the connection from module_defaults
    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    support: full
    description: Use C(group/homelab.immich.immich) in C(module_defaults) to give the connection once per play.
    membership:
      - homelab.immich.immich
"""

    # actions that do their work in Ansible's own process
    CONTROL_NODE = r"""
options: {}
attributes:
  action:
    support: full
    description: Runs on the control node, with the Python that runs Ansible.
  connection:
    support: none
    description: The connection, C(become) and C(delegate_to) of a task change nothing.
  async:
    support: none
    description: Shows progress instead.
"""
