# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person notices of a task that waits: a line now and then, an end that was said, and Ctrl-C that works."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils.immich import waiting
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.plugin_utils import waiting as action
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

JOBS = "3 jobs of queue library"


class Clock:
    """Time that passes only where somebody sleeps."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    monkeypatch.setattr(action, "time", clock)
    return clock


def module(clock: Clock, until: float, wait_timeout: int = 900) -> Callable[[Mapping[str, Any] | None], dict[str, Any]]:
    """A module that changes something, and then waits until that time."""

    def run(resume: Mapping[str, Any] | None) -> dict[str, Any]:
        params = SimpleNamespace(params={"look": action.LOOK, "wait_timeout": wait_timeout})
        began = {"requests": 2, "changed": True, "diff": ["made"], "warnings": ["slow"]} if resume is None else {"requests": 1, "changed": False, "diff": []}
        begun = {} if resume is None else json.loads(json.dumps(resume))  # as it goes to the module
        try:
            left = waiting.wait(params, "wait for the scan", lambda: JOBS if clock.now < until else "", begun)  # type: ignore[arg-type]
        except ImmichError as error:
            return {**began, "failed": True, "msg": str(error)}
        return {**began, **(left or {"libraries": ["done"]})}

    return run


def test_a_line_says_what_is_waited_for_and_how_long(clock: Clock) -> None:
    lines: list[str] = []
    result = action.until_done(module(clock, until=25), lines.append)
    assert lines == [f"  waiting for {JOBS} (10 s)", f"  waiting for {JOBS} (20 s)"]
    # one result, in which nothing is lost, and nothing that only the action needs
    assert result == {"changed": True, "diff": ["made"], "warnings": ["slow"], "requests": 4, "libraries": ["done"]}


def test_what_is_done_is_not_waited_for(clock: Clock) -> None:
    lines: list[str] = []
    assert action.until_done(module(clock, until=0), lines.append)["libraries"] == ["done"]
    assert lines == [] and clock.now == 0


def test_the_bound_holds_for_the_whole_wait_and_is_said(clock: Clock) -> None:
    lines: list[str] = []
    result = action.until_done(module(clock, until=900, wait_timeout=25), lines.append)
    assert result["msg"] == f"Could not wait for the scan: after 25 s it still waits for {JOBS}; raise wait_timeout (25 s) or see what holds it up."
    assert result["failed"] and result["changed"]  # what was begun goes on
    assert (clock.now, len(lines)) == (25, 2)


def test_an_error_in_the_middle_is_the_end(clock: Clock) -> None:
    runs = iter([{"changed": True, "resume": {}, "waiting_for": JOBS}, {"failed": True, "msg": "the server is gone"}])
    result = action.until_done(lambda _resume: next(runs), lambda _line: None)
    assert (result["failed"], result["msg"], result["changed"]) == (True, "the server is gone", True)


def test_a_queue_that_is_empty_for_a_moment_is_looked_at_twice() -> None:
    seen = iter(["2 jobs", "", "1 job", "", ""])
    idle = waiting.twice(lambda: next(seen))
    assert [idle() for _look in range(5)] == ["2 jobs", "a second look", "1 job", "a second look", ""]


def test_every_module_that_waits_shows_it(checkout: Path) -> None:
    """One that has the options of the fragment, and no such action, would be silent for fifteen minutes."""
    waits = [path.stem for path in (checkout / "plugins" / "modules").glob("*.py") if "homelab.immich.waiting" in path.read_text()]
    assert len(waits) > 3
    for name in waits:
        plugin = importlib.import_module(f"ansible_collections.homelab.immich.plugins.action.{name}")
        assert issubclass(plugin.ActionModule, action.Waiting), name


def test_ctrl_c_ends_a_wait_at_once(tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "photos").mkdir()
    with Server("3.3.5", {"/mnt/photos": tmp_path / "photos"}, tmp_path, job_seconds=600) as immich:
        login = {"url": immich.url, "email": "admin@example.net", "password": "correct-horse-1"}
        tasks = [{"homelab.immich.admin": login}, {"homelab.immich.database_backup": login}, {"ansible.builtin.debug": {"msg": "after all"}}]
        play = {"hosts": "localhost", "gather_facts": False, "vars": {"ansible_python_interpreter": sys.executable}, "tasks": tasks}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", tmp_path / "play.yml"]
        environment = {**os.environ, "HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1"}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running = subprocess.Popen(command, cwd=checkout, env=environment, start_new_session=True, **pipes)  # type: ignore[call-overload]
        try:
            deadline = time.monotonic() + 60
            while not any(request.path == "/api/jobs" and request.method == "POST" for request in immich.requests):
                assert running.poll() is None and time.monotonic() < deadline, running.communicate()[0]
                time.sleep(0.02)
            os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to everything that runs in it
            output, _none = running.communicate(timeout=20)
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode != 0
    assert "after all" not in output and "Traceback" not in output, output
