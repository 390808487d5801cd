# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module in Ansible's own process."""

from __future__ import annotations

from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.modules import guard_info
from ansible_collections.homelab.immich.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    """The action behind homelab.immich.guard_info; the documentation is with the module of that name."""

    @staticmethod
    def main() -> None:
        """Run the module on what this process puts in the place of AnsibleModule."""
        guard_info.main(ImmichModule.ansible_module)
