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

import pytest
import yaml
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

ADMIN, MUM, OAUTH = "admin-nobody-may-see", "mum-nobody-may-see", "oauth-nobody-may-see"


IN_PROCESS = {"api_key", "library", "system_config", "user"}  # the main job's


def play(url: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    def task(module: str, /, **options: Any) -> dict[str, Any]:
        return {"name": module, f"homelab.immich.{module}": options}

    return [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "environment": environment,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "key": {}},
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


def run(checkout: Path, folder: Path, plays: list[dict[str, Any]], *arguments: str) -> tuple[int, str]:
    (folder / "play.yml").write_text(yaml.safe_dump(plays))
    ran = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", "-vvv", "--diff", *arguments, folder / "play.yml"],
        cwd=checkout,
        env={**os.environ, "HOME": str(folder), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


# an environment of its own can only be given to a module that is a process of its own
@pytest.mark.parametrize("environment", [{}, {"LANG": "C"}], ids=["in Ansible's process", "in one of their own"])
def test_a_play_sets_a_server_up_and_shows_no_secret(checkout: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "photos").mkdir()
    with Server("3.3.5", {"/mnt/photos": tmp_path / "photos"}, tmp_path) as immich:
        plays = play(immich.url, environment)
        code, output = run(checkout, tmp_path, plays)
        assert code == 0 and "failed=0" in output and "changed=6" in output, output
        assert "Traceback" not in output and "[WARNING]" not in output, output
        assert "nobody-may-see" not in output and "the output has been hidden" in output, "the key itself is printed nowhere"
        assert {"library.scan.enabled", "trash.days"} <= {word.strip("'\"-:, ") for word in output.split()}, "the diff names what changed"
        assert [user["email"] for user in immich.running.db["users"].values()] == ["admin@example.net", "mum@example.net"]
        assert [library["name"] for library in immich.running.db["libraries"].values()] == ["NAS"] and not immich.running.db["sessions"]
        processes = {name for name in IN_PROCESS if f"plugins/modules/{name}.py" in output}
        assert processes == (IN_PROCESS if environment else set())

        user = {"email": "admin@example.net", "password": ADMIN, "users": [{"email": "mum@example.net", "quota": "1Ti"}]}
        before = len(immich.mutations)
        code, output = run(checkout, tmp_path, [plays[0] | {"tasks": [{"homelab.immich.user": user}]}], "--check")
        assert code == 0 and "changed=1" in output and "quota: 1099511627776" in output, output
        assert len(immich.mutations) == before


WRONG = [
    ({"users": [{"email": "mum@example.net", "quota": "much", "password": "{{ mum }}"}]}, "is not a size; write bytes"),
    ({"users": [{"name": "Mum", "password": "{{ mum }}"}]}, "missing required arguments: email found in users"),
    ({"user": "mum@example.net", "users": []}, "Unsupported parameters for (homelab.immich.user)"),
    # before Ansible knows which options are secret
    ({"users": ["mum@example.net"]}, "dictionary requested, could not parse JSON or key=value"),
]


@pytest.mark.parametrize("environment", [{}, {"LANG": "C"}], ids=["in Ansible's process", "in one of their own"])
def test_what_is_wrong_is_one_sentence_either_way(checkout: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    with Server("3.3.5", {}, tmp_path) as immich:
        [only] = play(immich.url, environment)
        # Ansible quotes the task that fails
        only["vars"] |= {"admin": ADMIN, "mum": MUM}
        login = {"email": "admin@example.net", "password": "{{ admin }}"}
        wrong = [{"name": sentence, "homelab.immich.user": login | options, "ignore_errors": True} for options, sentence in WRONG]
        code, output = run(checkout, tmp_path, [only | {"tasks": [{"homelab.immich.admin": login}, *wrong]}])
    assert code == 0 and f"ignored={len(WRONG)}" in output, output
    for _options, sentence in WRONG:
        said = output.partition(f"TASK [{sentence}]")[2].partition("fatal: ")[2].partition("TASK [")[0]
        assert sentence in " ".join(said.split()), output
    assert "Traceback" not in output and "nobody-may-see" not in output, output
