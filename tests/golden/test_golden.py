# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each inventory renders to is what the files here say."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("golden_render", GOLDEN / "render.py")
assert _spec and _spec.loader
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


@pytest.mark.parametrize("inventory", golden.INVENTORIES)
def test_an_inventory_renders_to_its_golden_files(inventory: str) -> None:
    wanted = {str(path.relative_to(GOLDEN)): path.read_text(encoding="utf-8") for path in (GOLDEN / inventory).rglob("*.yaml")}
    rendered = golden.render(inventory)
    diff = [
        line
        for name in sorted(wanted | rendered)
        for line in difflib.unified_diff(
            wanted.get(name, "").splitlines(), rendered.get(name, "").splitlines(), f"golden/{name}", f"rendered/{name}", lineterm="", n=2
        )
    ]
    assert not diff, "\n".join(["run make golden, and read the change before you commit it:", *diff])
