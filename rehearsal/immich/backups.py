# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database backups: the job that writes them, and the endpoints that show, give and take them."""

from __future__ import annotations

import datetime
import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

from .errors import Refused, bad_request
from .routes import Call, route
from .server import Server

VALID = re.compile(r"[\w.-]+\.sql(\.gz)?")
ROUTINE = re.compile(r"immich-db-backup-(\d+|\d{8}T\d{6}-v.*-pg.*)\.sql\.gz")  # what retention counts: neither uploads nor restore points
FAILED = re.compile(r"immich-db-backup-.*\.sql\.gz\.tmp")
POSTGRES = "17.10"
STATE = "-- rehearsal: "  # the line of a dump that holds the database of a stand-in


def folder(server: Server) -> Path:
    return server.files.writable(f"{server.media_location}/backups")


def dump(server: Server) -> bytes:
    """What pg_dump (before 2.5 pg_dumpall) leaves, as far as anybody looks at it."""
    lines = ["--", "-- PostgreSQL database dump", "--", "", STATE + json.dumps(server.db.state), "", "--", "-- PostgreSQL database dump complete", "--", ""]
    if server.version < (2, 5, 0):
        lines = ["--", "-- PostgreSQL database cluster dump", "--", "", *lines, "--", "-- PostgreSQL database cluster dump complete", "--", ""]
    return "\n".join(lines).encode()


def file_name(server: Server) -> str:
    """Before 1.136 only the time, in milliseconds; since then in local time with both versions."""
    if server.version < (1, 136, 0):
        return f"immich-db-backup-{server.timestamp().decode()}.sql.gz"
    release = ".".join(map(str, server.version))
    return f"immich-db-backup-{server.clock().astimezone():%Y%m%dT%H%M%S}-v{release}-pg{POSTGRES}.sql.gz"


def write(server: Server, prefix: str = "") -> str:
    """A new dump, or OSError with nothing left of it."""
    if server.backup_fault == "fail":
        raise OSError("pg_dump exited with code 1: permission denied")
    content = gzip.compress(dump(server))
    if server.backup_fault == "truncate":
        content = content[: len(content) // 2]
    name = prefix + file_name(server)
    temporary = folder(server) / f"{name}.tmp"
    temporary.write_bytes(content)
    os.replace(temporary, folder(server) / name)
    return name


def backup_database(server: Server, job: dict[str, Any]) -> None:
    """A dump in the backups folder, and the end of those that are too many."""
    write(server)
    names = os.listdir(folder(server))
    routine = sorted((name for name in names if ROUTINE.fullmatch(name)), reverse=True)
    keep = server.config["backup"]["database"]["keepLastAmount"]
    for name in [*routine[keep:], *(name for name in names if FAILED.fullmatch(name))]:
        (folder(server) / name).unlink()


def restore(server: Server, name: str) -> None:
    """Replace the database by what a dump holds; OSError or ValueError leaves it as it was."""
    text = gzip.decompress((folder(server) / name).read_bytes()).decode()
    line = next((line for line in text.splitlines() if line.startswith(STATE)), "")
    if "-- PostgreSQL database dump complete" not in text or not line:
        raise ValueError("psql: error: the dump is not complete")
    write(server, "restore-point-")
    kept = {"maintenance": server.db["maintenance"], "version_history": server.db["version_history"]}
    server.db.state |= json.loads(line.removeprefix(STATE)) | kept


# -- the API


def checked(names: list[str]) -> list[str]:
    if not all(VALID.fullmatch(name) for name in names):
        raise bad_request("Invalid backup name!")
    return names


@route("GET", "/admin/database-backups", permission="maintenance", admin=True, since="2.5.0", maintenance="2.5.0")
def list_backups(server: Server, call: Call) -> dict[str, Any]:
    names = [name for name in os.listdir(folder(server)) if VALID.fullmatch(name)]
    # the newest first; what was uploaded before the rest
    names.sort(key=lambda name: (name.startswith("uploaded-"), name), reverse=True)
    zone = {"timezone": datetime.datetime.now().astimezone().tzname() or "UTC"} if server.version >= (2, 7, 0) else {}
    return {"backups": [{"filename": name, "filesize": (folder(server) / name).stat().st_size} | zone for name in names]}


@route("GET", "/admin/database-backups/{filename}", permission="backup.download", admin=True, since="2.5.0", maintenance="2.5.0")
def download_backup(server: Server, call: Call) -> bytes:
    [name] = checked([call.params["filename"]])
    try:
        return (folder(server) / name).read_bytes()
    except FileNotFoundError:
        raise Refused(404, "Not Found") from None


@route("DELETE", "/admin/database-backups", permission="backup.delete", admin=True, body="DatabaseBackupDeleteDto", since="2.5.0", maintenance="2.5.0")
def delete_backups(server: Server, call: Call) -> None:
    for name in checked(call.body["backups"]):
        try:
            (folder(server) / name).unlink()
        except FileNotFoundError:
            raise Refused(500, "Internal server error") from None


@route("POST", "/admin/database-backups/upload", permission="backup.upload", admin=True, upload=True, status=201, since="2.5.0", maintenance="2.5.0")
def upload_backup(server: Server, call: Call) -> None:
    [name] = checked([os.path.basename(call.body["name"])])
    (folder(server) / f"uploaded-{name}").write_bytes(call.body["content"])
