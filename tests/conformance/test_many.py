# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hundreds of users and libraries, by the number of requests and connections."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from module_runner import Run, run_module

__all__ = ["run_module"]  # a fixture

ADMIN = {"email": "admin@example.net", "password": "correct-horse-1"}
USERS, LIBRARIES = 200, 500


def test_many_cost_no_more_requests_than_one(tmp_path: Path, run_module: Run) -> None:
    users = [{"email": f"user-{number}@example.net", "name": f"User {number}", "password": "a-long-password-1"} for number in range(USERS)]
    libraries = []
    for number in range(LIBRARIES):
        (tmp_path / "photos" / str(number)).mkdir(parents=True)
        libraries.append({"name": f"Library {number}", "owner": users[number % USERS]["email"], "import_paths": [f"/mnt/photos/{number}"]})
    with Server("3.3.5", {"/mnt/photos": tmp_path / "photos"}, tmp_path) as server:
        run_module("admin", url=server.url, **ADMIN)
        key = run_module("api_key", url=server.url, **ADMIN, name="ansible", permissions=["all"])["secret"]
        for module, option, wanted in (("user", "users", users), ("library", "libraries", libraries)):
            server.connections.clear()
            assert run_module(module, url=server.url, api_key=key, **{option: wanted}).changed
            assert len(server.connections) == 1, f"{len(wanted)} {option} made over one connection"
            one = run_module(module, url=server.url, api_key=key, **{option: wanted[:1]})
            many = run_module(module, url=server.url, api_key=key, **{option: wanted})
            assert not one.changed and not many.changed
            assert many["requests"] == one["requests"] <= 3
