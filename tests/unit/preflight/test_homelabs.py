# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight, as Ansible runs it, has nothing to say about the inventories that we show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = sorted(folder.name for folder in (CHECKOUT / "inventories").iterdir() if folder.name != "mine")
PLAY = """
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.import_role: {name: homelab.immich.preflight, rolespec_validate: false}
"""
LIMITS = {"truenas-flux-hpa": ("tank,production", "tank,staging")}  # a rehearsal has one cluster
WARNINGS = {"nixos-argocd": ["class is nginx"]}


@pytest.mark.parametrize(("inventory", "limit"), [(name, limit) for name in FOLDERS for limit in LIMITS.get(name, ("all",))])
def test_an_inventory_has_no_mistake(inventory: str, limit: str, tmp_path: Path) -> None:
    (tmp_path / "preflight.yml").write_text(PLAY)
    command = [sys.executable, "-m", "ansible", "playbook", "-i", str(CHECKOUT / "inventories" / inventory), "--limit", limit, str(tmp_path / "preflight.yml")]
    done = subprocess.run(command, cwd=CHECKOUT, env=os.environ | {"ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    warnings = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("[WARNING]")]
    expected = WARNINGS.get(inventory, [])
    assert len(warnings) == len(expected) and all(text in line for text, line in zip(expected, warnings, strict=True)), warnings
