# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply objects in one module run, then show a person what is waited for."""

from __future__ import annotations

import json
import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

LOOK = 10  # seconds between two lines of progress


class ActionModule(ActionBase):
    """The action behind homelab.immich.apply; the documentation is with the module of that name."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module once; when something is not ready, again in wait mode until it is."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        args["objects"] = _serialized(args.get("objects"))
        began = time.monotonic()
        first = {**args, "wait_timeout": min(LOOK, int(args.get("wait_timeout", 900)))}
        result = self._execute_module(module_args=first, task_vars=task_vars)
        if result.get("failed") or result.get("ready", True):
            return result
        return {**result, **self._wait(args, result["pending"], began, task_vars)}

    def _wait(self, args: dict[str, Any], pending: list[dict[str, Any]], began: float, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        timeout = int(args.get("wait_timeout", 900))
        hopeless = 0
        name = args.get("name", "objects")
        while True:
            elapsed = time.monotonic() - began
            # a server that migrates its database has the time that its Deployment gives it; anything else that is wrong ends with wait_timeout
            limit = max(timeout, min(item.get("patience", 0) for item in pending))
            hopeless = hopeless + 1 if any(item["hopeless"] for item in pending) else 0
            if elapsed >= limit or hopeless > 1:  # seen twice: it is not just on its way from one state to another
                waited = "waiting longer does not help" if hopeless > 1 else f"waited {int(elapsed)} s, {_limit(timeout, limit)}"
                return {"failed": True, "msg": f"{name}: not ready ({waited}): {'; '.join(map(_reason, pending))}.", "pending": pending}
            self._display.display(f"  {name}: waiting for {'; '.join(map(_reason, pending))} ({int(elapsed)} s)")
            look = {**args, "only_wait": True, "wait_timeout": int(max(1, min(LOOK, limit - elapsed)))}
            result = self._execute_module(module_args=look, task_vars=task_vars)
            if result.get("failed"):
                return {"failed": True, "msg": result.get("msg", "")}
            pending = result.get("pending", [])
            if not pending:
                return {"ready": True, "pending": []}


def _limit(timeout: int, limit: int) -> str:
    return f"wait_timeout is {timeout} s" if limit == timeout else f"its progressDeadlineSeconds is {limit} s"


def _reason(item: dict[str, Any]) -> str:
    return f"{item['object']} ({item['why'].rstrip('.')})"


def _serialized(objects: Any) -> str:
    if not isinstance(objects, list) or not objects or not all(isinstance(item, dict) and item.get("kind") and item.get("metadata") for item in objects):
        raise AnsibleActionFail("objects is not a list of Kubernetes objects. Give it what query('homelab.immich.manifests', …) returns.")
    return json.dumps(objects, default=str)
