# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXAMPLES of modules, lookups and filters, and how to run them as they stand."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

# what a play has that runs on this machine
LOCAL = {"gather_facts": False, "connection": "local"}
CHECKOUT = Path(__file__).resolve().parent.parent
UNIT, ACCEPTANCE = "tests/unit/docs/test_examples.py", "tests/acceptance/test_examples.py"

# Which test runs the examples of what. UNIT also runs all that the modules of the action group immich and the filters have.
PLACES = {
    "modules/apply": ACCEPTANCE,
    "modules/cluster_check": ACCEPTANCE,
    "modules/guard_info": ACCEPTANCE,
    "modules/guard_job": "tests/unit/manifests/test_guard_job.py",
    "modules/linux_nfs_export": UNIT,
    "modules/nas_export_info": "tests/unit/nas/test_nas_modules.py",
    "modules/nixos_nfs_export": "tests/unit/nas/test_nixos_rebuild.py",
    "modules/preflight": UNIT,
    "modules/rehearsal": ACCEPTANCE,
    "modules/summary": ACCEPTANCE,
    "modules/truenas_nfs_export": UNIT,
    "modules/truenas_smb_share": UNIT,
    "modules/zfs_changes": "tests/unit/schedules/test_zfs_diff.py",
    "lookup/connection": ACCEPTANCE,
    "lookup/guard": UNIT,
    "lookup/volume_backup": UNIT,
    "lookup/manifests": UNIT,
}


def documented() -> dict[str, list[dict[str, Any]]]:
    """The examples of everything that has documentation, by kind and name."""
    found = {}
    for path in sorted(path for kind in ("modules", "lookup", "filter") for path in (CHECKOUT / "plugins" / kind).glob("*.py")):
        texts = [
            ast.literal_eval(node.value)
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "EXAMPLES"
        ]
        found[f"{path.parent.name}/{path.stem}"] = yaml.safe_load(texts[0]) if texts else []
    return found


def of(name: str) -> list[dict[str, Any]]:
    """The examples of one, such as `modules/user`: tasks, or plays."""
    return documented()[name]


def of_immich() -> list[str]:
    """The modules that talk to Immich."""
    return sorted(f"modules/{name}" for name in yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text())["action_groups"]["immich"])


def filters() -> list[str]:
    """The filters."""
    return [name for name in documented() if name.startswith("filter/")]


def play(folder: Path, *plays: dict[str, Any], inventory: Path | str = "localhost,", **environment: str) -> str:
    """Run plays, and see that each task ran and none was skipped; what was printed."""
    python = {"ansible_python_interpreter": sys.executable}
    text = yaml.safe_dump([{**one, "vars": python | one.get("vars", {})} for one in plays], sort_keys=False)
    (folder / "play.yml").write_text(text)
    ran = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, folder / "play.yml"],
        cwd=CHECKOUT,
        env={**os.environ, "HOME": str(folder), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = ran.stdout + ran.stderr
    assert ran.returncode == 0, output
    counts = {word: sum(map(int, re.findall(rf"\b{word}=(\d+)", output.partition("PLAY RECAP")[2]))) for word in ("ok", "failed", "skipped", "ignored")}
    assert counts == {"ok": sum(len(one["tasks"]) for one in plays), "failed": 0, "skipped": 0, "ignored": 0}, output
    return output
