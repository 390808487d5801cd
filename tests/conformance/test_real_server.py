# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite as somebody runs it against a server of theirs: what it leaves there, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from module_runner import Run, run_module

__all__ = ["run_module"]  # a fixture

ADMIN = {"email": "admin@example.net", "password": "correct-horse-1"}
Suite = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def server(tmp_path: Path, run_module: Run) -> Iterator[Server]:
    """A server with an administrator; /mnt/photos of the server is a folder at the same path here."""
    root = tmp_path / "photos"
    root.mkdir()
    with Server("3.3.5", {str(root): root}, tmp_path) as server:
        run_module("admin", url=server.url, **ADMIN)
        yield server


@pytest.fixture
def suite(server: Server, tmp_path: Path, checkout: Path) -> Suite:
    """Run a part of the suite against it; what it changes is in server.requests."""

    def run(tests: str = "test_library or test_backup or test_settings", **environment: str) -> subprocess.CompletedProcess[str]:
        server.requests.clear()
        given = {"URL": server.url, "ADMIN_EMAIL": ADMIN["email"], "ADMIN_PASSWORD": ADMIN["password"], "TEST_ROOT": str(tmp_path / "photos"), **environment}
        return subprocess.run(
            [sys.executable, "-m", "pytest", "tests/conformance/test_outcomes.py", "-q", "-k", tests, "-p", "no:cacheprovider"],
            cwd=checkout,
            env={**os.environ, **{f"IMMICH_{name}": value for name, value in given.items()}},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_it_leaves_a_server_as_it_found_it(server: Server, suite: Suite, tmp_path: Path) -> None:
    def everything() -> dict[str, object]:
        database = server.running.db
        kept = {name: repr(database[name]) for name in ("users", "libraries", "assets", "api_keys", "sessions", "config")}
        return {**kept, "backups": sorted((tmp_path / "media" / "backups").glob("*.gz"))}

    before = everything()
    ran = suite()
    assert ran.returncode == 0 and "3 passed" in ran.stdout, ran.stdout
    assert server.url in ran.stdout.partition("behaviour by version")[2]
    assert len(server.mutations) > 5
    assert everything() == before
    assert list((tmp_path / "photos").iterdir()) == []


@pytest.mark.parametrize(("thing", "named"), [("user", "mum@example.net"), ("library", 'library "Family"'), ("upload", "1 assets in the timeline")])
def test_it_refuses_a_server_with_something_of_yours(thing: str, named: str, server: Server, suite: Suite, tmp_path: Path, run_module: Run) -> None:
    login = {"url": server.url, **ADMIN}
    library = {"name": "Family", "owner": ADMIN["email"], "import_paths": [str(tmp_path / "photos")]}
    if thing == "user":
        run_module("user", **login, users=[{"email": "mum@example.net", "name": "Mum", "password": "a-long-password-1"}])
    else:
        assert run_module("library", **login, **library).changed
    if thing == "upload":  # what a library leaves when its photo becomes one of no library
        (tmp_path / "photos" / "one.jpg").write_bytes(b"\xff\xd8\xff\xe0 mine")
        run_module("library_scan", **login)
        (photo,) = server.running.db["assets"].values()
        photo["libraryId"] = None
        assert run_module("library", **login, **library, state="absent").changed
    ran = suite()
    assert ran.returncode == 3
    assert f"holds what this suite did not make ({named})" in ran.stdout + ran.stderr
    assert server.mutations == []


def test_what_is_not_given_is_named(suite: Suite, server: Server) -> None:
    ran = suite(TEST_ROOT="", ADMIN_PASSWORD="")
    assert ran.returncode == 3
    assert "set also IMMICH_ADMIN_PASSWORD, IMMICH_TEST_ROOT" in ran.stdout + ran.stderr
    assert server.requests == []
