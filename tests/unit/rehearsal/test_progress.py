# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person who waits sees that something goes on."""

from __future__ import annotations

import io
import sys

from ansible_collections.homelab.immich.rehearsal import progress


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_pipe_gets_a_line_every_15_seconds(heard, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    heard.step("Building")
    for _time in range(350):
        clock.now += 0.25
        heard.tick("7 packages")
    assert heard.lines == ["Building"] + [f"Building ({seconds // 60} min {seconds % 60:02} s, 7 packages)" for seconds in (15, 30, 45, 60, 75)]


def test_a_terminal_gets_one_line_that_rewrites_itself(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    clock, terminal = Clock(), Terminal()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(progress.shutil, "get_terminal_size", lambda: progress.shutil.os.terminal_size((30, 24)))
    shown = progress.Progress()
    shown.step("Building a control plane that takes long")
    clock.now += 61
    shown.tick()
    shown.say("Built")
    *rewritten, last = terminal.getvalue().split("\r\033[K")[1:]
    assert last == "Built\n"
    assert all("\n" not in line and len(line) < 30 for line in rewritten), "a line that wraps cannot be rewritten"
