# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what is going on: one line that rewrites itself on a terminal, a line every 15 seconds elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable


class Progress:
    """The steps of a bring-up, for a person who waits."""

    EVERY = 15.0  # seconds between lines where lines cannot be rewritten

    def __init__(self, write: Callable[[str], None] | None = None, put: Callable[[str], None] | None = None) -> None:
        """`write` prints a line; `put` prints on a terminal as it is told, without an end of line. Without them it is the standard output."""
        self._write = write or (lambda line: print(line, flush=True))
        self._put = put or (_put if write is None and sys.stdout.isatty() else None)
        self._text = ""
        self._began = self._said = 0.0

    def step(self, text: str) -> None:
        """A new step begins."""
        self._text = text
        self._began = self._said = time.monotonic()
        if self._put:
            self._rewrite(text)
        else:
            self._write(text)

    def tick(self, detail: str = "") -> None:
        """The step goes on; call it often."""
        now = time.monotonic()
        if now - self._said < (0.5 if self._put else self.EVERY):
            return
        self._said = now
        minutes, seconds = divmod(int(now - self._began), 60)
        line = f"{self._text} ({minutes} min {seconds:02} s{', ' if detail else ''}{detail})"
        if self._put:
            self._rewrite(line)
        else:
            self._write(line)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._put:
            self._put("\r\033[K")
        self._write(text)

    def end(self) -> None:
        """Leave the line as it is; something else is about to be printed."""
        if self._put:
            self._write("")

    def _rewrite(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]  # a line that wraps cannot be rewritten
        self._put(f"\r\033[K{text}")


def _put(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
