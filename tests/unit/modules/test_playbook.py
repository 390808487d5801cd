# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as a play uses them: the connection given once, and everything that is printed free of secrets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

ADMIN, MUM, OAUTH = "admin-nobody-may-see", "mum-nobody-may-see", "oauth-nobody-may-see"


def play(url: str) -> list[dict[str, Any]]:
    def task(module: str, /, **options: Any) -> dict[str, Any]:
        return {"name": module, f"homelab.immich.{module}": options}

    return [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "key": {}},
            "module_defaults": {"group/homelab.immich.immich": {"url": url, "rehearsal": True, "api_key": "{{ key.secret | default('') }}"}},
            "tasks": [
                task("admin", email="admin@example.net", password=ADMIN),
                task("api_key", email="admin@example.net", password=ADMIN, name="play", purposes=["libraries", "settings", "users"], replace_lost=True)
                | {"register": "key"},
                task("scan_schedule"),
                task("system_config", settings={"oauth": {"clientSecret": OAUTH}, "trash": {"days": 60}}),
                task("user", users=[{"email": "mum@example.net", "name": "Mum", "password": MUM, "quota": "200Gi"}]),
                task("library", libraries=[{"name": "NAS", "owner": "mum@example.net", "import_paths": ["/mnt/photos"]}]),
                task("library_info"),
            ],
        }
    ]


def test_a_play_sets_a_server_up_and_shows_no_secret(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with Server("3.3.5", {"/mnt/photos": tmp_path / "photos"}, tmp_path) as immich:
        (tmp_path / "play.yml").write_text(yaml.safe_dump(play(immich.url)))
        ran = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", "-vvv", "--diff", tmp_path / "play.yml"],
            cwd=checkout,
            env={**os.environ, "HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        output = ran.stdout + ran.stderr
        assert ran.returncode == 0 and "failed=0" in output and "changed=6" in output, output
        assert "Traceback" not in output and "[WARNING]" not in output, output
        assert "nobody-may-see" not in output and "the output has been hidden" in output, "the key itself is printed nowhere"
        assert {"library.scan.enabled", "trash.days"} <= {word.strip("'\"-:, ") for word in output.split()}, "the diff names what changed"
        assert [user["email"] for user in immich.running.db["users"].values()] == ["admin@example.net", "mum@example.net"]
        assert [library["name"] for library in immich.running.db["libraries"].values()] == ["NAS"] and not immich.running.db["sessions"]
