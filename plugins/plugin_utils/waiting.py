# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an action waits: a module cannot print while it runs, so it runs for a few seconds at a time, and a line is shown in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.plugins.action import ActionBase

LOOK = 10  # seconds between two lines of progress


class Waiting(ActionBase):
    """An action whose module waits (module_utils/immich/waiting.py)."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module until it has nothing left to wait for."""
        super().run(tmp, task_vars)
        args = {"look": LOOK, **self._task.args}

        def again(resume: Mapping[str, Any] | None) -> dict[str, Any]:
            return self._execute_module(module_args=args if resume is None else {**args, "resume": resume}, task_vars=task_vars)

        return until_done(again, self._display.display)


def until_done(run: Callable[[Mapping[str, Any] | None], dict[str, Any]], show: Callable[[str], Any]) -> dict[str, Any]:
    """Run again while there is something to resume; the results of all runs become one."""
    began = time.monotonic()
    result = run(None)
    while "resume" in result and not result.get("failed"):
        show(f"  waiting for {result.pop('waiting_for')} ({int(time.monotonic() - began)} s)")
        result = joined(result, run(result.pop("resume")))
    return result


def joined(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What two runs of one task returned, as one: nothing that the first one did is forgotten."""
    lists = {key: [*before.get(key, []), *after.get(key, [])] for key in ("diff", "warnings") if key in before or key in after}
    requests = {"requests": before.get("requests", 0) + after.get("requests", 0)}
    return {**before, **after, **lists, **requests, "changed": bool(before.get("changed") or after.get("changed"))}
