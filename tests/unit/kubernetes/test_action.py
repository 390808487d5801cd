# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action does around the module: hand over, show progress, give up."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.homelab.immich.plugins.action import apply

STARTING = {"object": "Deployment immich/immich-server", "why": "the pod is starting", "hopeless": False}
BROKEN = {"object": "Cluster immich/immich-db", "why": "Cluster is unrecoverable", "hopeless": True}


@pytest.fixture
def wait(monkeypatch):
    """Wait with the module's answers in line, at ten seconds each; returns the result, the lines a person saw, and the arguments of each run."""
    clock = [0.0]
    monkeypatch.setattr(apply.time, "monotonic", lambda: clock[0])

    def run(pending, *answers, **args):
        action = object.__new__(apply.ActionModule)
        lines, runs, answers = [], [], list(answers)

        def execute(module_args, task_vars):
            runs.append(module_args)
            clock[0] += module_args["wait_timeout"]
            answer = answers.pop(0)
            return answer if isinstance(answer, dict) else {"pending": answer}

        action._display = type("Display", (), {"display": staticmethod(lines.append)})
        action._execute_module = execute
        return action._wait({"name": "workloads", **args}, pending, clock[0], {}), lines, runs

    return run


def test_a_person_sees_what_is_waited_for(wait):
    result, lines, runs = wait([STARTING], [STARTING], [])
    assert result == {"ready": True, "pending": []}
    assert lines == [f"  workloads: waiting for Deployment immich/immich-server (the pod is starting) ({seconds} s)" for seconds in (0, 10)]
    assert all(run["only_wait"] for run in runs)


def test_the_time_is_up_exactly_when_it_was_said(wait):
    result, _lines, runs = wait([STARTING], [STARTING], [STARTING], wait_timeout=14)
    assert result["failed"]
    assert result["msg"] == "workloads: not ready (waited 14 s, wait_timeout is 14 s): Deployment immich/immich-server (the pod is starting)."
    assert [run["wait_timeout"] for run in runs] == [10, 4]


def test_a_server_that_is_still_starting_has_the_time_that_its_deployment_gives(wait):
    migrating = {**STARTING, "patience": 30}
    assert wait([migrating], [migrating], [], wait_timeout=14)[0]["ready"]
    result, _lines, runs = wait([migrating], [migrating], [migrating], [migrating], wait_timeout=14)
    assert "not ready (waited 30 s, its progressDeadlineSeconds is 30 s)" in result["msg"]
    assert len(runs) == 3
    assert "waited 14 s" in wait([migrating, BROKEN | {"hopeless": False}], [migrating, STARTING], [STARTING], wait_timeout=14)[0]["msg"]


def test_what_does_not_help_itself_ends_the_wait_when_seen_twice(wait):
    result, _lines, runs = wait([BROKEN], [BROKEN])
    assert "waiting longer does not help" in result["msg"]
    assert "Cluster is unrecoverable" in result["msg"]
    assert len(runs) == 1
    assert wait([BROKEN], [STARTING], [])[0]["ready"]


def test_a_module_that_fails_ends_the_wait(wait):
    assert wait([STARTING], {"failed": True, "msg": "the API server does not answer"})[0] == {"failed": True, "msg": "the API server does not answer"}


def test_the_objects_reach_the_module_as_one_string():
    assert apply._serialized([{"kind": "Secret", "metadata": {"name": "x"}}]) == '[{"kind": "Secret", "metadata": {"name": "x"}}]'


@pytest.mark.parametrize("objects", [None, "text", [], [1], [{"kind": "Secret"}]])
def test_what_is_no_list_of_objects_is_one_sentence(objects):
    with pytest.raises(AnsibleActionFail, match="objects is not a list of Kubernetes objects"):
        apply._serialized(objects)
