# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What make test-nas says where it cannot start its machine, and when CI wants it to run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from vm import digest, machine


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not root, and nothing was built yet."""
    monkeypatch.setattr(machine, "CACHE", tmp_path)
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)


def test_packages_that_are_missing_are_named_with_the_command(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda command, path=None: None if command.startswith("qemu") else f"/usr/bin/{command}")
    with pytest.raises(machine.MachineError, match="^the machine needs qemu-system-x86 qemu-utils. Run: sudo apt install qemu-system-x86 qemu-utils$"):
        machine.image()


def test_only_root_builds_the_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(machine.shutil, "which", lambda command, path=None: f"/usr/bin/{command}")
    with pytest.raises(machine.MachineError, match=re.escape(f"debootstrap builds one as root only. Run once: sudo {machine.HERE / 'build'} {tmp_path}/nas-")):
        machine.image()


def test_the_digest_is_about_what_is_covered(tmp_path):
    for pattern in digest.COVERED:
        for file in digest.TOP.glob(pattern):
            (tmp_path / file.relative_to(digest.TOP)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file.relative_to(digest.TOP)).write_bytes(file.read_bytes())
    assert all(any(digest.TOP.glob(pattern)) for pattern in digest.COVERED)
    before = digest.digest(tmp_path)
    assert before == digest.digest()
    (tmp_path / "README.md").write_text("words")
    assert digest.digest(tmp_path) == before
    (tmp_path / "plugins" / "module_utils" / "linux" / "new.py").write_text("")
    assert digest.digest(tmp_path) != before
