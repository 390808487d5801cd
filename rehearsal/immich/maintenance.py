# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode (2.3): the server restarts into a worker that knows a handful of endpoints, and one token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from typing import Any

from . import backups
from .dialects import parse
from .errors import Refused, bad_request
from .routes import Call, Route, route
from .server import FOLDERS, Server

COOKIE = "immich_maintenance_token"
HOURS = 4  # how long a token is good for


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def signature(secret: str, text: str) -> str:
    return encoded(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def token(server: Server, username: str) -> str:
    """A JWT (HS256), signed with the secret of this maintenance."""
    now = int(server.clock().timestamp())
    parts = ({"alg": "HS256", "typ": "JWT"}, {"username": username, "iat": now, "exp": now + HOURS * 3600})
    text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    return f"{text}.{signature(server.db['maintenance']['secret'], text)}"


def username(server: Server, given: str | None) -> str:
    """Who a token was made for."""
    if not given:
        raise Refused(401, "Missing JWT Token")
    text, _dot, sealed = given.rpartition(".")
    try:
        payload = json.loads(decoded(text.partition(".")[2]))
    except (ValueError, binascii.Error):
        raise Refused(401, "Invalid JWT Token") from None
    if not hmac.compare_digest(sealed, signature(server.db["maintenance"]["secret"], text)) or payload["exp"] < server.clock().timestamp():
        raise Refused(401, "Invalid JWT Token")
    return payload["username"]


def admit(server: Server, route: Route, call: Call, subpath: str) -> None:
    """Neither key nor session count now: only what the maintenance worker knows, for who has its token."""
    if not route.maintenance or server.version < parse(route.maintenance):
        raise Refused(404, f"Cannot {route.method} {subpath}")
    if not route.public and route.handler is not detect_install:
        username(server, call.cookies.get(COOKIE))


def start(server: Server, call: Call, action: str, name: str) -> None:
    server.db["maintenance"] = {"secret": secrets.token_hex(64), "action": action, "error": ""}
    call.set_cookies[COOKIE] = token(server, name)
    server.restart_wanted = True


@route("POST", "/admin/maintenance", permission="maintenance", admin=True, body="SetMaintenanceModeDto", status=201, since="2.3.0", maintenance="2.3.0")
def set_maintenance(server: Server, call: Call) -> None:
    action, running = call.body["action"], server.db["maintenance"]
    if not running:
        if action != "end":
            start(server, call, action, call.user["name"])
        return
    running |= {"action": action, "error": ""}
    if action == "end":
        server.db["maintenance"] = None
        server.restart_wanted = True
    elif action == "restore_database":
        try:
            backups.restore(server, os.path.basename(call.body.get("restoreBackupFilename", "")))
        except (OSError, ValueError, EOFError) as error:
            running["error"] = f"Error: {error}"
            return
        server.db["maintenance"] = None
        server.restart_wanted = True


@route("POST", "/admin/maintenance/login", public=True, body="MaintenanceLoginDto", status=201, since="2.3.0", maintenance="2.3.0")
def login(server: Server, call: Call) -> dict[str, str]:
    if not server.db["maintenance"]:
        raise bad_request("Not in maintenance mode")
    given = call.body.get("token") or call.cookies.get(COOKIE)
    name = username(server, given)
    call.set_cookies[COOKIE] = str(given)
    return {"username": name}


@route("GET", "/admin/maintenance/status", public=True, since="2.5.0", maintenance="2.5.0")
def status(server: Server, call: Call) -> dict[str, Any]:
    running = server.db["maintenance"]
    if not running:
        return {"active": False, "action": "end"}
    if not running["error"]:
        return {"active": True, "action": running["action"]}
    try:
        username(server, call.cookies.get(COOKIE))
        error = running["error"]
    except Refused:
        error = "Something went wrong, see logs!"
    return {"active": True, "action": running["action"], "task": "error", "error": error}


@route("GET", "/admin/maintenance/detect-install", permission="maintenance", admin=True, since="2.5.0", maintenance="2.5.0")
def detect_install(server: Server, call: Call) -> dict[str, Any]:
    found = []
    for name in FOLDERS:
        path = f"{server.media_location}/{name}"
        mount = server.files.mount_of(path)
        readable = bool(mount) and server.files.readable(path) and server.files.host(path).is_dir()
        files = len([entry for entry in os.listdir(server.files.host(path)) if entry != ".immich"]) if readable else 0
        found.append({"folder": name, "readable": readable, "writable": readable and not (mount and mount.read_only), "files": files})
    return {"storage": found}


@route("POST", "/admin/database-backups/start-restore", public=True, status=201, since="2.5.0")
def start_restore(server: Server, call: Call) -> None:
    if server.admin():
        raise bad_request("The server already has an admin")
    start(server, call, "select_database_restore", "admin")
