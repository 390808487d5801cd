# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module has examples, and those of the Immich modules are run as they stand, in one play."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

PASSWORD = "correct-horse-1"
# what others need comes first; api_key replaces and removes the key of the play, and comes last
ORDER = ("admin", "user", "library", "scan_schedule", "library_scan", "queue", "database_backup", "integrity_info")
# run by other tests, which bring what the examples need
ELSEWHERE = {
    "apply": "needs a cluster; a task of site.yml, which tests/acceptance runs",
    "cluster_check": "needs a cluster; a task of site.yml, which tests/acceptance runs",
    "linux_nfs_export": "needs a Linux machine with ZFS; make test-nas",
    "nas_export_info": "needs a NAS at a fixed address; tests/unit/nas runs the module",
    "preflight": "needs an inventory; a task of site.yml, which tests/acceptance runs",
    "rehearsal": "brings up a rehearsal; the first play of site.yml, which tests/acceptance runs",
    "summary": "needs what site.yml did before; its last task, which tests/acceptance runs",
    "truenas_nfs_export": "needs a TrueNAS; tests/unit/nas runs the module against the stand-in",
    "truenas_smb_share": "needs a TrueNAS; tests/unit/nas runs the module against the stand-in",
}


def examples(checkout: Path) -> dict[str, list[dict[str, Any]]]:
    """The tasks of each module's EXAMPLES."""
    found = {}
    for path in sorted((checkout / "plugins" / "modules").glob("*.py")):
        texts = [
            ast.literal_eval(node.value)
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "EXAMPLES"
        ]
        found[path.stem] = yaml.safe_load(texts[0]) if texts else []
    return found


def test_every_module_has_an_example_of_itself(checkout: Path) -> None:
    assert [name for name, tasks in examples(checkout).items() if f"homelab.immich.{name}" not in yaml.safe_dump(tasks)] == []


def test_every_example_is_run_here_or_elsewhere(checkout: Path) -> None:
    group = set(yaml.safe_load((checkout / "meta" / "runtime.yml").read_text())["action_groups"]["immich"])
    assert set(examples(checkout)) - group - {"linux_nfs_export", "truenas_nfs_export", "truenas_smb_share"} <= set(ELSEWHERE)
    assert not group & set(ELSEWHERE)


def test_the_examples_of_the_immich_modules_run(checkout: Path, tmp_path: Path) -> None:
    known = examples(checkout)
    group = sorted(set(known) - set(ELSEWHERE), key=lambda name: (name == "api_key", ORDER.index(name) if name in ORDER else len(ORDER)))
    # a key that is kept in the cluster needs one; tests/acceptance has it
    tasks = [task for name in group for task in known[name] if not (task.get("homelab.immich.api_key") or {}).get("store")]
    for folder in ("2023", "2024", "scans"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    mounts = {"/mnt/photos": tmp_path / "photos", "/mnt/scans": tmp_path / "photos" / "scans"}
    with Server("3.3.5", mounts, tmp_path) as immich:
        first = {
            "name": "A key",
            "register": "made",
            "homelab.immich.api_key": {"url": immich.url, "email": "admin@example.net", "password": PASSWORD, "name": "tests", "permissions": ["all"]},
        }
        names = {"vault_immich_admin_password": PASSWORD, "vault_family_password": PASSWORD, "vault_oauth_secret": "x"}
        keys = {"immich_key": "{{ made.secret | default('') }}", "stored_key": "{{ key.secret | default(made.secret) | default('') }}"}
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, **names, **keys},
            "tasks": [tasks[0], first, *tasks[1:]],
        }
        text = yaml.safe_dump([play], sort_keys=False).replace("https://photos.example.net", immich.url).replace("https://login.example.net", immich.url)
        (tmp_path / "play.yml").write_text(text)
        ran = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", tmp_path / "play.yml"],
            cwd=checkout,
            env={**os.environ, "HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    output = ran.stdout + ran.stderr
    assert ran.returncode == 0 and f"ok={len(tasks) + 1} " in output and "failed=0" in output, output
