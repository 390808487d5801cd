# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module, and hide a result that carries a secret. With no_log on the task, an error would be hidden too."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.plugins.modules import api_key
from ansible_collections.homelab.immich.plugins.plugin_utils.in_process import InProcess


class ActionModule(InProcess):
    """The action behind homelab.immich.api_key; the documentation is with the module of that name."""

    # what a background job returned would be shown with the secret
    _supports_async = False
    main = api_key.main

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module returned."""
        result = super().run(tmp, task_vars)
        if "secret" in result:
            self._task.no_log = True
        return result
