# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command zfs, line by line; `run_command` of Ansible would keep a diff of a million files in memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator

_PLACES = "/usr/sbin:/sbin:/run/current-system/sw/bin"


class ZfsError(Exception):
    """What zfs refused; the message is for a person."""


def lines(*words: str) -> Iterator[str]:
    """What zfs says. Raises ZfsError where there is none, and after the last line where it failed."""
    environment = os.environ | {"LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:{_PLACES}"}
    # a file for what it complains of: a pipe that nobody reads would stop it when full
    with tempfile.TemporaryFile("w+", errors="surrogateescape") as complaints:
        try:
            process = subprocess.Popen(["zfs", *words], env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True, errors="surrogateescape")
        except FileNotFoundError:
            raise ZfsError("There is no zfs here. The view zfs needs a NAS with OpenZFS; use immich_guard_view: server or mount.") from None
        with process:
            yield from process.stdout or ()
        complaints.seek(0)
        said = complaints.read().strip()
    if process.returncode:
        allow = " Run as root, or allow it: zfs allow -u USER diff,snapshot,destroy,mount,userprop DATASET." if "ermission denied" in said else ""
        raise ZfsError(f"zfs {' '.join(words)} failed: {said}.{allow}")
