# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module, show what it waits for, and hide a result that carries a token. With no_log on the task, an error would be hidden too."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.waiting import Waiting


class ActionModule(Waiting):
    """The action behind homelab.immich.maintenance; the documentation is with the module of that name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module returned."""
        result = super().run(tmp, task_vars)
        if result.get("failed"):
            # the error is to be seen; the next run says how to end maintenance mode without the token
            return {key: value for key, value in result.items() if key not in ("token", "login_url")}
        if "token" in result:
            self._task.no_log = True
        return result
