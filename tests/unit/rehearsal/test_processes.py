# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes are ours only while they say so, and locks hold."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.homelab.immich.rehearsal import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    for name in ("pids", "logs"):
        (home / name).mkdir(parents=True)
    yield home
    processes.stop(home, [path.name for path in (home / "pids").iterdir()], 1)


def alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_was_started_is_found_and_ended(home):
    processes.start(home, "etcd", [*SLEEP, f"{home}/etcd"])
    number = processes.pid(home, "etcd")
    assert number and alive(number)
    processes.stop(home, ["etcd"], 5)
    assert processes.pid(home, "etcd") is None
    assert not alive(number)


def test_a_process_that_lingers_is_killed(home):
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('ready', 'w'); time.sleep(300)"
    processes.start(home, "kube-apiserver", [sys.executable, "-c", stubborn, f"{home}/pki"])
    number = processes.pid(home, "kube-apiserver")
    while not (home / "ready").exists():
        time.sleep(0.01)
    processes.stop(home, ["kube-apiserver"], 0.2)
    assert not alive(number)


def test_a_reused_process_id_is_neither_ours_nor_ended(home):
    other = subprocess.Popen(SLEEP)
    try:
        (home / "pids" / "etcd").write_text(str(other.pid))
        assert processes.pid(home, "etcd") is None
        processes.stop(home, ["etcd"], 0.1)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_rehearsal_whose_name_begins_like_ours_is_not_ours(home):
    other = subprocess.Popen([*SLEEP, f"{home}-2/etcd"])
    try:
        (home / "pids" / "etcd").write_text(str(other.pid))
        assert processes.pid(home, "etcd") is None
    finally:
        other.kill()
        other.wait()


def test_the_environment_of_the_user_means_nothing(home, monkeypatch):
    monkeypatch.setenv("ETCD_NAME", "poisoned")
    monkeypatch.setenv("HTTPS_PROXY", "http://198.51.100.7:3128")
    processes.start(home, "etcd", [sys.executable, "-c", "import os; print(sorted(os.environ), flush=True); import time; time.sleep(300)", f"{home}/etcd"])
    log = home / "logs" / "etcd.log"
    while not log.read_text():
        time.sleep(0.01)
    assert "ETCD_NAME" not in log.read_text() and "HTTPS_PROXY" not in log.read_text()


def test_a_lock_is_held_by_one_at_a_time(tmp_path, heard):
    path, order = tmp_path / "lock", []

    def second():
        with processes.lock(path, heard, "the first"):
            order.append("second")

    with processes.lock(path, heard, "nobody"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
        order.append("first")
        path.unlink()  # as `down` does while others wait
    thread.join(5)
    assert order == ["first", "second"]
    assert heard.lines == ["Waiting for the first"]


def test_a_folder_that_goes_while_we_reach_for_its_lock_is_made_again(tmp_path, heard, monkeypatch):
    path, removed = tmp_path / "locks" / "home", []

    def opened(*arguments):
        if not removed:  # what a rehearsal that is taken down does at its end
            path.parent.rmdir()
            removed.append(path.parent)
        return open(*arguments)

    monkeypatch.setattr(processes, "open", opened, raising=False)
    with processes.lock(path, heard, "another run"):
        assert path.exists() and removed
