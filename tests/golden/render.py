# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render each inventory with Ansible, and write what it becomes to a folder beside this file: `make golden`.

A change of a template shows in review as the YAML that it changes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.homelab.immich.plugins.plugin_utils.manifests import ROLES

GOLDEN = Path(__file__).resolve().parent
CHECKOUT = GOLDEN.parent.parent
INVENTORIES = tuple(sorted(folder.name for folder in (CHECKOUT / "inventories").iterdir() if folder.is_dir() and folder.name != "mine"))


class Dumper(yaml.SafeDumper):
    """YAML as people write it: lists indented, no aliases, several lines as a block."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        return True


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


Dumper.add_representer(str, _string)


def objects(inventory: str) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Yield instance, role and objects of an inventory, rendered by ansible-playbook itself."""
    with tempfile.TemporaryDirectory() as folder:
        play: dict[str, Any] = {
            "name": "Render",
            "hosts": "immich",
            "connection": "local",
            "gather_facts": False,
            "vars": {
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                # an instance that is up: its first administrator exists
                "__immich_cluster": {"cluster_uid": "00000000-0000-0000-0000-000000000000"},
                "__immich_initialized": True,
            },
            "tasks": [
                {"name": f"Import {role}", "ansible.builtin.import_role": {"name": f"homelab.immich.{role}", "rolespec_validate": False}}
                for role in ("common", *ROLES)
                if role != "deliver"  # it has tasks
            ],
        }
        queries = ", ".join(f"'{role}': query('homelab.immich.manifests', '{role}')" for role in ROLES)
        copy = {"content": "{{ {" + queries + "} | to_json }}", "dest": f"{folder}/{{{{ inventory_hostname }}}}.json", "mode": "0600"}
        play["tasks"].append({"name": "Write", "ansible.builtin.copy": copy})
        playbook = Path(folder, "render.yml")
        playbook.write_text(yaml.safe_dump([play], sort_keys=False))
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(CHECKOUT / "inventories" / inventory), str(playbook)]
        result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=os.environ | {"ANSIBLE_NOCOLOR": "1"}, check=False)
        if result.returncode:
            raise SystemExit(f"Rendering inventories/{inventory} failed:\n{result.stdout}{result.stderr}")
        for path in sorted(Path(folder).glob("*.json")):
            for role, items in json.loads(path.read_text()).items():
                yield path.stem, role, items


def text(items: list[dict[str, Any]]) -> str:
    """Write objects as one YAML file, without programs."""
    items = [item | {"binaryData": dict.fromkeys(item["binaryData"], "(a program)")} if "binaryData" in item else item for item in items]
    return yaml.dump_all(items, Dumper=Dumper, sort_keys=False, explicit_start=True, width=120, allow_unicode=True)


def render(inventory: str) -> dict[str, str]:
    """Return the golden files of an inventory: relative path and content."""
    return {f"{inventory}/{instance}/{role}.yaml": text(items) for instance, role, items in objects(inventory) if items}


def main() -> None:
    """Write all golden files, and remove those that nothing renders to any more."""
    with ThreadPoolExecutor(2) as pool:
        rendered = list(pool.map(render, INVENTORIES))
    for inventory, wanted in zip(INVENTORIES, rendered, strict=True):
        for path in (GOLDEN / inventory).rglob("*.yaml"):
            if str(path.relative_to(GOLDEN)) not in wanted:
                path.unlink()
        for name, content in wanted.items():
            target = GOLDEN / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        print(f"inventories/{inventory}: {len(wanted)} files")


if __name__ == "__main__":
    main()
