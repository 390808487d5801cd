# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print what a run leaves behind, as a person reads it."""

from __future__ import annotations

from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.immich.plugins.plugin_utils import summary
from ansible_collections.homelab.immich.rehearsal import state

# What the summary reads; nothing else is templated, and no secret is among them.
SHOWN = (
    "immich_admin_email",
    "immich_backup_waive",
    "immich_database_admin_user",
    "immich_database_host",
    "immich_database_instances",
    "immich_database_postgres",
    "immich_database_privileges",
    "immich_database_provider",
    "immich_database_vectorchord",
    "immich_ingress",
    "immich_libraries",
    "immich_machine_learning_autoscaling",
    "immich_machine_learning_enabled",
    "immich_machine_learning_resources",
    "immich_namespace",
    "immich_rehearsal",
    "immich_scan_owner",
    "immich_server_autoscaling",
    "immich_server_resources",
    "immich_url",
    "immich_version",
    "immich_volumes",
    "inventory_hostname",
)


class ActionModule(ActionBase):
    """The action behind homelab.immich.summary; the documentation is with the module of that name."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the summary and return its text."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _result, options = self.validate_argument_spec(
            argument_spec={
                "applied": {"type": "list", "elements": "dict", "default": []},
                "configured": {"type": "dict", "default": {}},
                "reached": {"type": "bool", "default": True},
                "initialized": {"type": "bool", "default": False},
            }
        )
        instance = {name: self._templar.template(variables[name]) for name in SHOWN if name in variables}
        instance["immich_users"] = [{"email": user["email"]} for user in self._templar.template(variables.get("immich_users") or [])]
        hostvars = variables["hostvars"]
        nas = {name: {key: hostvars[name].get(key) for key in ("nas_provider", "__nas_verified")} for name in variables.get("groups", {}).get("nas", [])}
        check = bool(self._task.check_mode)
        lines = summary.rows(instance, nas, options["applied"], options["configured"], options["reached"], check, options["initialized"])
        steps = summary.nas_steps(nas) + ([] if check else self._next_steps(instance, variables))
        text = summary.render(summary.heading(instance, check), lines, steps)
        self._display.display(text, color=C.COLOR_OK)
        return {"changed": False, "summary": text.splitlines()}

    @staticmethod
    def _next_steps(instance: dict[str, Any], variables: dict[str, Any]) -> list[str]:
        if not instance.get("immich_rehearsal"):
            return [f"open {instance['immich_url']}"]
        running = state.read(state.home(variables["ansible_inventory_sources"][0]))
        host = instance["immich_url"].split("://")[-1]
        down = state.down_command(f"-i {variables['ansible_inventory_sources'][0]}")
        return [
            f"curl {running['immich']}/host/{host}/api/server/version  (through the way in, to the stand-in for Immich)",
            f"kubectl --kubeconfig {running['kubeconfig']} get all -n {instance['immich_namespace']}  (a real API server)",
            f'{down}  ·  README, "Your own cluster": the same inventory for real',
        ]
