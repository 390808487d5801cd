# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest of what the machine test covers. `digest check` fails when it is not the one of the last pass, `digest record` writes it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
PASSED = HERE / "passed"
# What decides how a Linux NAS is set up, asked what has changed and made to scan by the clock, and how that is tested.
# Not site.yml, preflight and the rest that only leads there: other tests hold those.
COVERED = (
    "docs/nas_access.yml",
    "plugins/module_utils/linux/*.py",
    "plugins/module_utils/nas.py",
    "plugins/module_utils/nas_access.py",
    "plugins/module_utils/zfs.py",
    "plugins/module_utils/zfs_diff.py",
    "plugins/modules/linux_nfs_export.py",
    "plugins/modules/zfs_changes.py",
    "roles/nas/tasks/linux.yml",
    "roles/schedules/tasks/host_install.yml",
    "roles/schedules/templates/scan.*",
    "tests/vm/build",
    "tests/vm/conftest.py",
    "tests/vm/machine.py",
    "tests/vm/test_*.py",
)


def digest(top: Path = TOP) -> str:
    """One number for all covered files, by name and content."""
    total = hashlib.sha256()
    for file in sorted({file for pattern in COVERED for file in top.glob(pattern)}):
        total.update(f"{file.relative_to(top)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def main(verb: str) -> str | None:
    """None when it went well, else what to say."""
    if verb == "record":
        PASSED.write_text(digest() + "\n", encoding="utf-8")
        return None
    if PASSED.is_file() and PASSED.read_text(encoding="utf-8").strip() == digest():
        return None
    return "What the machine test covers is not what passed it last. Run make test-nas, then commit tests/vm/passed."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
