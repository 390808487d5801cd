# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module with a secret among its options is built on."""

from __future__ import annotations

from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule


class Module(AnsibleModule):
    """AnsibleModule, whose failures do not list the options: with some that are wrong, Ansible does not know yet which of them are secret."""

    def log(self, msg: str, log_args: dict[str, Any] | None = None) -> None:
        """Write nothing to syslog: secrets inside free-form options would show, and no_log of a module gives way to that of the task."""

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """Fail with one sentence."""
        super().fail_json(msg, **{"invocation": {}, **result})
