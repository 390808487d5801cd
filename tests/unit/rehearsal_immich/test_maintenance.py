# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode, backups and a restore; and what only the oldest releases do."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

from .test_server import call, new_key, sign_up

PROXY = "/api/v1/namespaces/immich/services/immich-server:2283/proxy"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server("3.1.0", {}, tmp_path) as server:
        yield server


def folder(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in (tmp_path / "media" / "backups").iterdir() if file.name != ".immich")


def back_up(server: Server, token: str) -> int:
    """How many backups have failed after this one."""
    assert call(server, "POST", "/api/jobs", {"name": "backup-database"}, token=token).status in (201, 204)
    server.wait()
    return call(server, "GET", "/api/jobs", token=token).body["backupDatabase"]["jobCounts"]["failed"]


# -- backups


@pytest.mark.parametrize(
    ("release", "name", "end"),
    [
        ("1.135.3", r"immich-db-backup-\d{13}\.sql\.gz", "database cluster dump complete"),
        ("2.4.1", r"immich-db-backup-\d{8}T\d{6}-v2\.4\.1-pg17\.10\.sql\.gz", "database cluster dump complete"),
        ("3.3.5", r"immich-db-backup-\d{8}T\d{6}-v3\.3\.5-pg17\.10\.sql\.gz", "database dump complete"),
    ],
)
def test_a_backup_has_the_name_and_the_end_of_its_release(release: str, name: str, end: str, tmp_path: Path) -> None:
    with Server(release, {}, tmp_path) as server:
        assert back_up(server, sign_up(server)[1]) == 0
    [backup] = folder(tmp_path)
    assert re.fullmatch(name, backup)
    assert gzip.decompress((tmp_path / "media" / "backups" / backup).read_bytes()).decode().endswith(f"PostgreSQL {end}\n--\n")


def test_retention_spares_what_it_does_not_know(server: Server, tmp_path: Path) -> None:
    _admin, token = sign_up(server)
    config = call(server, "GET", "/api/system-config", token=token).body
    config["backup"]["database"]["keepLastAmount"] = 2
    call(server, "PUT", "/api/system-config", config, token=token)
    old = [f"immich-db-backup-2024010{day}T020000-v2.4.1-pg14.17.sql.gz" for day in (1, 2, 3)]
    for name in (*old, "uploaded-mine.sql.gz", "restore-point-1.sql.gz", "immich-db-backup-20240104T020000-v2.4.1-pg14.17.sql.gz.tmp"):
        (tmp_path / "media" / "backups" / name).write_bytes(b"a dump")
    back_up(server, token)
    left = folder(tmp_path)
    assert len(left) == 4 and {old[2], "uploaded-mine.sql.gz", "restore-point-1.sql.gz"} < set(left)


def test_backups_that_go_wrong(server: Server, tmp_path: Path) -> None:
    _admin, token = sign_up(server)
    server.break_backups("fail")
    assert back_up(server, token) == 1 and folder(tmp_path) == []
    server.break_backups("truncate")
    assert back_up(server, token) == 1
    [backup] = folder(tmp_path)
    with pytest.raises(EOFError):
        gzip.decompress((tmp_path / "media" / "backups" / backup).read_bytes())


def test_a_restore_brings_the_database_back(server: Server, tmp_path: Path) -> None:
    admin, token = sign_up(server)
    back_up(server, token)
    [backup] = folder(tmp_path)
    call(server, "POST", "/api/libraries", {"ownerId": admin["id"]}, token=token)
    cookie = start(server, token)
    asked = {"action": "restore_database", "restoreBackupFilename": backup}
    assert call(server, "POST", "/api/admin/maintenance", asked, cookie=cookie).status == 201
    server.ready()
    assert call(server, "GET", "/api/libraries", token=token).body == []
    assert any(name.startswith("restore-point-") for name in folder(tmp_path))


# -- maintenance mode


def start(server: Server, token: str) -> str:
    """Begin a maintenance; returns the cookie that ends it."""
    answer = call(server, "POST", "/api/admin/maintenance", {"action": "start"}, token=token)
    assert answer.status == 201
    server.ready()
    return answer.headers["Set-Cookie"].partition(";")[0]


@pytest.mark.parametrize(("release", "ping"), [("2.3.0", 404), ("2.5.5", 404), ("2.6.0", 200), ("3.3.5", 200)])
def test_maintenance_leaves_little(release: str, ping: int, tmp_path: Path) -> None:
    with Server(release, {}, tmp_path) as server:
        _admin, token = sign_up(server)
        key = new_key(server, token, "all")
        cookie = start(server, token)
        assert call(server, "GET", "/api/server/config").body == {"maintenanceMode": True}
        assert call(server, "GET", "/api/server/ping").status == ping
        assert [call(server, "GET", "/api/libraries", key=key).status, call(server, "GET", "/api/users/me", token=token).status] == [404, 404]
        assert call(server, "POST", "/api/admin/maintenance", {"action": "end"}, key=key).message == "Missing JWT Token"
        assert call(server, "POST", "/api/admin/maintenance", {"action": "end"}, cookie=cookie + "x").message == "Invalid JWT Token"
        server.restart()  # it outlives a restart: the database knows it
        assert call(server, "POST", "/api/admin/maintenance", {"action": "end"}, cookie=cookie).status == 201
        server.ready()
        assert call(server, "GET", "/api/libraries", key=key).status == 200


def test_a_restart_of_its_own_as_the_service_proxy_tells_it(server: Server) -> None:
    _admin, token = sign_up(server)
    call(server, "POST", "/api/admin/maintenance", {"action": "start"}, token=token)
    answer = call(server, "GET", f"{PROXY}/api/server/config")
    assert answer.status == 503 and answer.message.startswith("error trying to reach service: dial tcp")
    server.ready()
    assert call(server, "GET", f"{PROXY}/api/server/config").body == {"maintenanceMode": True}


def test_no_night_in_maintenance(server: Server) -> None:
    admin, token = sign_up(server)
    user = call(server, "POST", "/api/admin/users", {"email": "b@example.net", "name": "B", "password": "b"}, token=token).body
    call(server, "DELETE", f"/api/admin/users/{user['id']}", {}, token=token)
    start(server, token)
    server.nightly(days=30)
    assert set(server.running.db["users"]) == {admin["id"], user["id"]}


# -- 1.135.3


def test_the_oldest_release(tmp_path: Path) -> None:
    with Server("1.135.3", {}, tmp_path) as server:
        admin, token = sign_up(server)
        assert server.running.media_location == "/usr/src/app/upload"
        key = new_key(server, token, "library.read")
        # what its controllers name no permission for takes any key; a key of an admin is an admin's
        for path in ("/api/jobs", "/api/server/about", "/api/server/statistics", "/api/users/me"):
            assert call(server, "GET", path, key=key).status == 200, path
        assert call(server, "GET", "/api/libraries", key=key).status == 200
        assert call(server, "GET", "/api/admin/users", key=key).message == "Missing required permission: admin.user.read"
        assert call(server, "GET", "/api/system-config", key=key).message == "Missing required permission: systemConfig.read"
        assert call(server, "POST", "/api/api-keys", {"permissions": ["adminUser.read"]}, token=token).status == 400
        library = call(server, "POST", "/api/libraries", {"ownerId": admin["id"]}, key=new_key(server, token, "library.create"))
        assert library.status == 201 and "**/.stfolder/**" not in library.body["exclusionPatterns"]
        assert call(server, "POST", f"/api/libraries/{library.body['id']}/validate", {}, key=key).status == 200
        assert "nightlyTasks" not in call(server, "GET", "/api/system-config", token=token).body
        server.nightly()  # and its nightly tasks run nevertheless


def test_a_session_counts_more_than_a_key(server: Server) -> None:
    _admin, token = sign_up(server)
    key = new_key(server, token, "library.read")
    assert call(server, "GET", "/api/admin/users", key=key).status == 403
    assert call(server, "GET", "/api/admin/users", key=key, token=token).status == 200
    assert call(server, "GET", "/api/libraries", key=key, token="gone").message == "Invalid user token"


def test_one_installation_through_three_releases(tmp_path: Path) -> None:
    with Server("1.135.3", {}, tmp_path) as server:
        admin, token = sign_up(server)
        call(server, "POST", "/api/libraries", {"ownerId": admin["id"], "name": "NAS"}, token=token)
        for release in ("2.4.1", "3.1.0", "3.3.5"):
            server.become(release)
            assert [library["name"] for library in call(server, "GET", "/api/libraries", token=token).body] == ["NAS"]
            assert server.running.media_location == "/usr/src/app/upload"
        assert json.dumps(call(server, "GET", "/api/server/version-history").body).count('"version"') == 4
