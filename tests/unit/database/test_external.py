# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of somebody else, prepared for Immich: a real one, and the statements that Immich sends at its start."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from . import immich
from .server import PASSWORD, Server

SECRET = "of-the-role-immich"
PLAY = [
    {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.include_role": {"name": "homelab.immich.database", "tasks_from": "external", "rolespec_validate": False}}],
    }
]


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def server(started: Server) -> Server:
    started.forget()
    return started


@dataclass
class Run:
    """How a run of the role ended."""

    changed: int
    failed: int
    text: str

    @property
    def message(self) -> str:
        """What it failed with."""
        said = re.findall(r'"msg": "(.*)"', self.text)
        return json.loads(f'"{said[-1]}"') if said else ""


@pytest.fixture
def role(server: Server, tmp_path: Path, checkout: Path) -> Any:
    """Run the tasks of the role against the server, with some variables changed."""
    play = tmp_path / "play.yml"
    play.write_text(json.dumps(PLAY))

    def run(*arguments: str, **changes: Any) -> Run:
        variables = {
            "ansible_python_interpreter": sys.executable,
            "immich_name": "immich",
            "immich_namespace": "immich",
            "immich_version": "v3.3.5",
            "immich_database_provider": "external",
            "immich_database_host": "127.0.0.1",
            "immich_database_port": server.port,
            "immich_database_postgres": "18",
            "immich_database_vectorchord": "1.1.1",
            "immich_database_admin_user": "postgres",
            "immich_database_admin_password": PASSWORD,
            "immich_secrets": {"database": {"values": {"password": SECRET}}},
            **changes,
        }
        (tmp_path / "variables.json").write_text(json.dumps(variables))
        command = [Path(sys.executable).parent / "ansible-playbook", "-vvv", "--diff", "-e", f"@{tmp_path}/variables.json", play, *arguments]
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_PIPELINING": "1"}
        result = subprocess.run(command, capture_output=True, text=True, cwd=checkout, env=environment, timeout=180, check=False)
        text = result.stdout + result.stderr
        assert PASSWORD not in text and SECRET not in text
        recap = re.search(r"changed=(\d+).*failed=(\d+)", text)
        assert recap, text
        return Run(int(recap[1]), int(recap[2]), text)

    return run


def start(server: Server) -> None:
    with server.connect("immich", "immich", SECRET) as connection:
        immich.start(connection)


def extension(server: Server) -> str:
    return server.sql("SELECT extversion FROM pg_extension WHERE extname = 'vchord'", "immich")[0][0]


@pytest.mark.parametrize(("privileges", "superuser"), [("superuser", True), ("least", False)])
def test_immich_starts_on_what_was_prepared(server: Server, role: Any, privileges: str, superuser: bool) -> None:
    first = role(immich_database_privileges=privileges)
    assert (first.changed > 0, first.failed) == (True, 0), first.text
    assert server.sql("SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'immich'") == [(superuser, True)]
    assert server.sql("SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'immich'") == [("immich", "UTF8")]
    start(server)
    start(server)
    second = role(immich_database_privileges=privileges)
    assert (second.changed, second.failed) == (0, 0), second.text
    # in the database of Immich, and not in the one that everybody connects to by mistake
    assert not server.sql("SELECT extname FROM pg_extension WHERE extname = 'vchord'")


def test_a_role_without_rights_cannot_do_it_alone(server: Server, role: Any) -> None:
    """What the role is for: Immich as the owner of its database makes neither VectorChord nor earthdistance."""
    server.sql(f"CREATE ROLE immich LOGIN PASSWORD '{SECRET}'")
    server.sql("CREATE DATABASE immich OWNER immich")
    with pytest.raises(immich.DoesNotStart, match="permission denied to create extension"):
        start(server)
    assert role(immich_database_privileges="least").failed == 0
    start(server)


def test_check_mode_says_so_and_changes_nothing(server: Server, role: Any) -> None:
    plan = role("--check", immich_database_privileges="least")
    assert (plan.changed > 0, plan.failed) == (True, 0), plan.text
    assert not server.sql("SELECT FROM pg_roles WHERE rolname = 'immich'") and not server.sql("SELECT FROM pg_database WHERE datname = 'immich'")
    role(immich_database_privileges="least")
    again = role("--check", immich_database_privileges="least")
    assert (again.changed, again.failed) == (0, 0), again.text


def test_with_least_the_role_updates_vectorchord_and_rebuilds_its_indexes(server: Server, role: Any) -> None:
    server.files("1.0.0")
    role(immich_database_privileges="least", immich_database_vectorchord="1.0.0")
    start(server)
    server.files("1.1.1")
    plan = role("--check", immich_database_privileges="least")
    assert plan.changed > 0 and extension(server) == "1.0.0"
    update = role(immich_database_privileges="least")
    assert (update.changed > 0, update.failed) == (True, 0), update.text
    assert extension(server) == "1.1.1"
    start(server)  # which reads both indexes
    assert role(immich_database_privileges="least").changed == 0


def test_what_least_costs_where_nobody_updates_it(server: Server, role: Any) -> None:
    server.files("1.0.0")
    role(immich_database_privileges="least", immich_database_vectorchord="1.0.0")
    start(server)
    server.files("1.1.1")
    with pytest.raises(immich.DoesNotStart, match="must be owner of extension vchord"):
        start(server)
    assert not server.sql("SELECT FROM pg_indexes WHERE indexname IN ('clip_index', 'face_index')", "immich")
    role(immich_database_privileges="least")
    start(server)


def test_a_superuser_updates_vectorchord_itself(server: Server, role: Any) -> None:
    server.files("1.0.0")
    role(immich_database_vectorchord="1.0.0")
    start(server)
    server.files("1.1.1")
    assert role().changed == 0 and extension(server) == "1.0.0"
    start(server)
    assert extension(server) == "1.1.1"


def test_a_superuser_becomes_one_no_more(server: Server, role: Any) -> None:
    role()
    start(server)
    assert role(immich_database_privileges="least").changed == 1
    assert server.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'immich'") == [(False,)]
    start(server)


def test_everything_that_is_wrong_is_said_at_once_and_nothing_changes(server: Server, role: Any) -> None:
    server.sql("CREATE DATABASE immich")
    server.files("0.5.3")
    refused = role(immich_database_postgres="17.10")
    assert refused.failed == 1 and refused.changed == 0
    said = refused.message.splitlines()
    assert said[0] == "Nothing was changed:"
    assert [line.partition(". ")[0] for line in said[1:]] == [
        "- PostgreSQL 18.6 runs on 127.0.0.1, and immich_database_postgres is 17.10",
        "- 127.0.0.1 has the files of VectorChord 0.5.3, and immich_database_vectorchord is 1.1.1",
        "- The database immich on 127.0.0.1 belongs to the role postgres",
    ]
    assert not server.sql("SELECT FROM pg_roles WHERE rolname = 'immich'")


def test_an_admin_who_is_none(server: Server, role: Any) -> None:
    server.sql("DROP ROLE IF EXISTS clerk")
    server.sql("CREATE ROLE clerk LOGIN CREATEDB CREATEROLE PASSWORD 'of-the-clerk'")
    refused = role(immich_database_admin_user="clerk", immich_database_admin_password="of-the-clerk")
    assert refused.failed == 1 and "immich_database_admin_user clerk is no superuser of 127.0.0.1" in refused.message


@pytest.mark.parametrize(
    ("changes", "words"), [({"immich_database_admin_password": "wrong"}, "password authentication failed"), ({"immich_database_port": 1}, "refused")]
)
def test_a_server_that_does_not_let_us_in(role: Any, changes: dict[str, Any], words: str) -> None:
    refused = role(**changes)
    assert refused.failed == 1
    assert refused.message.startswith("The database server 127.0.0.1:") and words in refused.message and "Check immich_database_port" in refused.message
