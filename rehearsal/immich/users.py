# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users as an admin manages them."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from .dialects import data
from .errors import Refused, bad_request
from .routes import Call, route
from .server import Server

COLORS = ("primary", "pink", "red", "yellow", "blue", "green", "purple", "orange", "gray", "amber")


def live(server: Server) -> list[dict[str, Any]]:
    return [user for user in server.db["users"].values() if not user["deletedAt"]]


def by_email(server: Server, email: str) -> dict[str, Any] | None:
    return next((user for user in live(server) if user["email"] == email), None)


def user_response(server: Server, user: dict[str, Any]) -> dict[str, Any]:
    """Everything but the password."""
    shown = {name: value for name, value in user.items() if name not in ("password", "pinCode", "preferences")}
    shown["avatarColor"] = user["avatarColor"] or COLORS[sum(map(ord, user["email"])) % len(COLORS)]
    if server.version < (3, 2, 0):
        del shown["clusterGroupId"]
    return shown


def with_hashes(user_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    secrets = {name: hashlib.sha256((user_id + fields[name]).encode()).hexdigest() for name in ("password", "pinCode") if fields.get(name)}
    return fields | secrets


def create_user(server: Server, fields: dict[str, Any]) -> dict[str, Any]:
    if by_email(server, fields["email"]):
        raise bad_request("Email is not available" if server.version >= (3, 0, 0) else "User exists")
    label = fields.get("storageLabel") or None
    # the server leaves these to the database, where deleted users still hold theirs
    if any((label and user["storageLabel"] == label) or user["email"] == fields["email"] for user in server.db["users"].values()):
        raise Refused(500, "Internal server error")
    now, user_id = server.now(), server.new_id()
    user = {
        "id": user_id,
        "name": fields["name"],
        "email": fields["email"],
        "password": "",
        "pinCode": None,
        "isAdmin": False,
        "avatarColor": None,
        "storageLabel": label,
        "shouldChangePassword": True,
        "quotaSizeInBytes": None,
        "quotaUsageInBytes": 0,
        "oauthId": "",
        "status": "active",
        "license": None,
        "profileImagePath": "",
        "profileChangedAt": now,
        "createdAt": now,
        "updatedAt": now,
        "deletedAt": None,
        "clusterGroupId": server.new_id(),
        "preferences": {},
    }
    user |= with_hashes(user_id, {name: value for name, value in fields.items() if name in user and name != "storageLabel"})
    server.db["users"][user_id] = user
    return user


def find_user(server: Server, call: Call, deleted: bool = False) -> dict[str, Any]:
    user = server.db["users"].get(call.params["id"])
    if not user or (user["deletedAt"] and not deleted):
        raise bad_request("User not found")
    return user


@route("GET", "/admin/users", permission="adminUser.read", admin=True)
def list_users(server: Server, call: Call) -> list[dict[str, Any]]:
    users = server.db["users"].values() if call.query.get("withDeleted") == "true" else live(server)
    return [user_response(server, user) for user in reversed(list(users)) if call.query.get("id", user["id"]) == user["id"]]


@route("POST", "/admin/users", permission="adminUser.create", admin=True, body="UserAdminCreateDto", status=201)
def post_user(server: Server, call: Call) -> dict[str, Any]:
    if not server.config["oauth"]["enabled"] and not call.body["password"]:
        raise bad_request("password is required")
    return user_response(server, create_user(server, call.body))


@route("GET", "/admin/users/{id}", permission="adminUser.read", admin=True)
def get_user(server: Server, call: Call) -> dict[str, Any]:
    return user_response(server, find_user(server, call, deleted=True))


@route("PUT", "/admin/users/{id}", permission="adminUser.update", admin=True, body="UserAdminUpdateDto")
def update_user(server: Server, call: Call) -> dict[str, Any]:
    user, wanted = find_user(server, call), call.body
    if wanted.get("isAdmin", user["isAdmin"]) != call.user["isAdmin"] and call.user["id"] == user["id"]:
        raise bad_request("Admin status can only be changed by another admin")
    other = by_email(server, wanted["email"]) if wanted.get("email") else None
    if other and other["id"] != user["id"]:
        raise bad_request("Email is not available" if server.version >= (3, 0, 0) else "Email already in use by another account")
    label = wanted.get("storageLabel")
    if label and any(item["storageLabel"] == label and item["id"] != user["id"] for item in live(server)):
        raise bad_request("Storage label already in use by another account")
    if label == "":
        wanted["storageLabel"] = None
    user |= with_hashes(user["id"], wanted) | {"updatedAt": server.now()}
    return user_response(server, user)


@route("DELETE", "/admin/users/{id}", permission="adminUser.delete", admin=True, body="UserAdminDeleteDto")
def delete_user(server: Server, call: Call) -> dict[str, Any]:
    user = find_user(server, call)
    if user["id"] == call.user["id"]:
        raise Refused(403, "Cannot delete your own account")
    force = call.body.get("force", False)
    user |= {"status": "removing" if force else "deleted", "deletedAt": server.now(), "updatedAt": server.now()}
    if force:
        server.jobs.add("UserDelete", {"id": user["id"]})
    return user_response(server, user)


@route("POST", "/admin/users/{id}/restore", permission="adminUser.delete", admin=True)
def restore_user(server: Server, call: Call) -> dict[str, Any]:
    user = find_user(server, call, deleted=True)
    user |= {"status": "active", "deletedAt": None}
    return user_response(server, user)


def remove_user(server: Server, user_id: str) -> None:
    """What the UserDelete job does: the user, their keys, sessions, libraries and assets."""
    for table in ("assets", "libraries", "api_keys", "sessions"):
        owner = "ownerId" if table in ("assets", "libraries") else "userId"
        server.db[table] = {name: row for name, row in server.db[table].items() if row[owner] != user_id}
    server.db["users"].pop(user_id, None)


def expired_users(server: Server) -> list[str]:
    limit = server.clock() - datetime.timedelta(days=server.config["user"]["deleteDelay"])
    return [user["id"] for user in server.db["users"].values() if user["deletedAt"] and datetime.datetime.fromisoformat(user["deletedAt"]) <= limit]


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    return {name: merged(value, over.get(name, {})) if isinstance(value, dict) else over.get(name, value) for name, value in base.items()}


def preferences_response(server: Server, user: dict[str, Any]) -> dict[str, Any]:
    defaults = {name: {key: rule["default"] for key, rule in group.items()} for name, group in data("preferences", server.version).items()}
    return merged(defaults, user["preferences"])


@route("GET", "/admin/users/{id}/preferences", permission="adminUser.read", admin=True)
def get_preferences(server: Server, call: Call) -> dict[str, Any]:
    return preferences_response(server, find_user(server, call, deleted=True))


@route("GET", "/admin/users/{id}/sessions", permission="adminSession.read", admin=True, since="2.2.0")
def get_sessions(server: Server, call: Call) -> list[dict[str, Any]]:
    return [
        {"id": session["id"], "createdAt": session["createdAt"], "updatedAt": session["createdAt"], "current": False, "deviceType": "", "deviceOS": "",
         "appVersion": None, "isPendingSyncReset": False}
        for session in server.db["sessions"].values()
        if session["userId"] == call.params["id"]
    ]


@route("GET", "/admin/users/{id}/statistics", permission="adminUser.read", admin=True)
def get_statistics(server: Server, call: Call) -> dict[str, int]:
    """Offline assets count as trashed here: the one place where the damage of a bad scan shows for every owner."""
    trashed = call.query.get("isTrashed") == "true"
    assets = [asset for asset in server.db["assets"].values() if asset["ownerId"] == call.params["id"] and bool(asset["deletedAt"]) == trashed]
    images = sum(asset["type"] == "IMAGE" for asset in assets) + (0 if trashed else server.pretended)
    videos = sum(asset["type"] != "IMAGE" for asset in assets)
    return {"images": images, "videos": videos, "total": images + videos}


@route("GET", "/users/me", permission="user.read")
def me(server: Server, call: Call) -> dict[str, Any]:
    return user_response(server, call.user)


@route("GET", "/users/me/preferences", permission="userPreference.read")
def my_preferences(server: Server, call: Call) -> dict[str, Any]:
    return preferences_response(server, call.user)
