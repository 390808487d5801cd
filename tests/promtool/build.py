# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build promtool from the Go module that go.mod pins, into the cache: `make promtool`. The tests of the alerts use it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from ansible_collections.homelab.immich.rehearsal import binaries, state
from ansible_collections.homelab.immich.rehearsal.progress import Progress

SOURCE = Path(__file__).resolve().parent
PACKAGE = "github.com/prometheus/prometheus/cmd/promtool"


def program() -> Path:
    """Where the built program is: a folder per content of go.mod and go.sum."""
    content = (SOURCE / "go.mod").read_bytes() + (SOURCE / "go.sum").read_bytes()
    return state.cache() / f"promtool-{hashlib.sha256(content).hexdigest()[:12]}" / "promtool"


def main() -> None:
    """Build it unless it is there."""
    target, progress = program(), Progress()
    if not target.exists():
        progress.step("Building promtool: about ten minutes, once")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
            command = [binaries.go(progress), "build", "-trimpath", "-ldflags", "-s -w", "-o", f"{temporary}/promtool", PACKAGE]
            subprocess.run(command, cwd=SOURCE, env=binaries.go_environment(), check=True)
            os.replace(f"{temporary}/promtool", target)
    print(target)


if __name__ == "__main__":
    main()
