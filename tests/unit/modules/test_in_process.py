# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module runs in Ansible's own process only where a process of its own would be the same."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.action.api_key import ActionModule as ApiKey
from ansible_collections.homelab.immich.plugins.action.guard_info import ActionModule as GuardInfo
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.module import Module
from ansible_collections.homelab.immich.plugins.plugin_utils.in_process import InProcess


class Action(InProcess):
    """A module that returns where it ran."""

    @staticmethod
    def main() -> None:
        module = ImmichModule({"secret": {"type": "str", "no_log": True}})
        module.exit(ran="here", said=f"it is {module.params['secret']}", check=module.check_mode, pid=os.getpid())

    def _execute_module(self, *, wrap_async: bool = False, **_how: Any) -> dict[str, Any]:
        return {"ran": "in the background" if wrap_async else "as a module"}


def action(connection: dict[str, Any] | None = None, *, of: type[InProcess] = Action, **task: Any) -> InProcess:
    made = object.__new__(of)
    made._connection = SimpleNamespace(**{"transport": "local", "become": None} | (connection or {}))
    made._task = SimpleNamespace(**{"delegate_to": None, "async_val": 0, "environment": [{}], "check_mode": True, "diff": False, "action": "user"} | task)
    made._templar = SimpleNamespace(template=lambda value: value)
    return made


HERE = {"ansible_python_interpreter": sys.executable}


def test_it_runs_here_with_its_secrets_hidden_and_leaves_nothing_behind() -> None:
    result = action().execute({"secret": "nobody-may-see"}, HERE)
    assert (result["ran"], result["pid"], result["check"], result["changed"]) == ("here", os.getpid(), True, False)
    assert "nobody-may-see" not in str(result) and result["said"] == "it is ********"
    assert ImmichModule.ansible_module is Module


def test_a_module_that_does_not_ask_immich_runs_here_too() -> None:
    result = action(of=GuardInfo).execute({"configmap": "", "memory": "/nonexistent"}, HERE)  # as a module it would need a connection
    assert (result["records"], result["brake"], result["host"]) == ([], None, "")
    assert action(of=GuardInfo).execute({"configmap": ""}, HERE)["msg"].startswith("Give context")


@pytest.mark.parametrize(
    ("how", "variables"),
    [
        ({"connection": {"transport": "ssh"}}, HERE),
        ({"connection": {"become": object()}}, HERE),
        ({"delegate_to": "bastion"}, HERE),
        ({"environment": [{}, {"IMMICH_URL": "https://photos.example.net"}]}, HERE),
        ({}, {"ansible_python_interpreter": "/usr/bin/another"}),
        ({}, {}),
    ],
)
def test_anywhere_else_it_is_an_ordinary_module(how: dict[str, Any], variables: dict[str, Any]) -> None:
    assert action(**how).execute({}, variables) == {"ran": "as a module"}


def test_it_runs_in_the_background_only_where_that_shows_no_secret() -> None:
    assert action(async_val=60).execute({}, HERE) == {"ran": "in the background"}
    assert Action._supports_async and not ApiKey._supports_async
