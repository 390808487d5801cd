# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module waits for the server, for a bounded time, and in slices where its action shows progress between them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from .errors import ImmichError
from .module import ImmichModule

POLL_S = 1.0

# documented in plugins/doc_fragments/waiting.py
WAIT_SPEC: dict[str, dict[str, Any]] = {
    "wait_timeout": {"type": "int", "default": 900},
    "look": {"type": "int"},
    "resume": {"type": "dict"},
}


def wait(module: ImmichModule, doing: str, pending: Callable[[], str], begun: dict[str, Any]) -> dict[str, Any]:
    """
    Ask again and again until nothing is `pending`; then return nothing.

    `begun` is what a later run needs to carry on. When the option `look` ends before the wait does, it is returned with what is pending, for the action.
    """
    began = begun.setdefault("began", time.time())
    slice_ends = time.monotonic() + (module.params["look"] or math.inf)
    limit = module.params["wait_timeout"]
    while left := pending():
        elapsed = time.time() - began
        if elapsed >= limit:
            raise ImmichError(f"Could not {doing}: after {int(elapsed)} s it still waits for {left}; raise wait_timeout ({limit} s) or see what holds it up.")
        if time.monotonic() >= slice_ends:
            return {"resume": begun, "waiting_for": left}
        time.sleep(min(POLL_S, max(0.0, limit - elapsed)))
    return {}


def twice(idle: Callable[[], str]) -> Callable[[], str]:
    """Believe that nothing is left only when it was seen twice in a row: between two jobs a queue is empty for a moment."""
    quiet = 0

    def pending() -> str:
        nonlocal quiet
        left = idle()
        quiet = 0 if left else quiet + 1
        return left or ("" if quiet > 1 else "a second look")

    return pending
