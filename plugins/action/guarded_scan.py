# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module, show what it waits for, and say what came of each library."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.waiting import Waiting


class ActionModule(Waiting):
    """The action behind homelab.immich.guarded_scan; the documentation is with the module of that name."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; what went wrong is in its error, once, and not again in a list that is as long."""
        result = super().run(tmp, task_vars)
        for report in result.get("libraries", ()):
            if report["message"] not in result.get("msg", ""):
                self._display.display(report["message"])
            for note in report["notes"]:
                self._display.display(f"  {note}")
        if result.get("failed"):
            result.pop("libraries", None)
        return result
