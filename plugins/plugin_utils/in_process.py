# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that runs in Ansible's own process, where that is the same as anywhere: half a second less for each task.

It stays a module: on another host, with another Python, with become, environment or async it runs as any other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.module import Module


class InProcess(ActionBase):
    """An action that runs the module of its name; the class attribute `main` is that module's."""

    TRANSFERS_FILES = False
    _supports_async = True
    main: Callable[[], Any]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        super().run(tmp, task_vars)
        return self.execute(self._task.args, task_vars or {})

    def execute(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module with these options, and return what it returns."""
        if not self._is_here(task_vars):
            return self._execute_module(module_args=args, task_vars=task_vars, wrap_async=bool(self._task.async_val))
        task = {"_ansible_check_mode": self._task.check_mode, "_ansible_diff": self._task.diff, "_ansible_module_name": self._task.action}
        # as JSON has them, without what Ansible's templates leave on values
        ImmichModule.ansible_module = partial(_Module, json.loads(json.dumps(args, default=str)) | task)
        try:
            type(self).main()
        except _Ended as ended:
            return ended.result
        finally:
            ImmichModule.ansible_module = Module
        raise RuntimeError(f"{self._task.action} ended without a result")

    def _is_here(self, task_vars: dict[str, Any]) -> bool:
        """Whether the module would run on the control node, with this Python, as this user."""
        task = self._task
        if self._connection.transport != "local" or self._connection.become or task.delegate_to or task.async_val or any(task.environment or ()):
            return False
        return self._templar.template(task_vars.get("ansible_python_interpreter")) == sys.executable


class _Ended(BaseException):
    """The module has said its result."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


class _Module(Module):
    """Module, but its options come from the task and its result goes to it."""

    def __init__(self, given: dict[str, Any], **spec: Any) -> None:
        self._given = given
        super().__init__(**spec)

    def _load_params(self) -> None:
        self.params = self._given

    def exit_json(self, **result: Any) -> NoReturn:
        result.setdefault("invocation", {"module_args": self.params})
        raise _Ended(remove_values(result, self.no_log_values))

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        self.exit_json(failed=True, msg=msg, **{"invocation": {}, **result})
