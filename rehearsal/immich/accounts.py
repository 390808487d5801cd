# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first admin, sessions, API keys: who is asking, and what they may."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

from .errors import Refused, bad_request
from .routes import ANY_KEY, Call, route
from .server import Server
from .users import by_email, create_user, user_response

SESSION_HEADERS = ("x-immich-user-token", "x-immich-session-token")


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    return re.sub(r"[\W_]", "", secrets.token_urlsafe(64))[:43]


def granted(requested: list[str], held: list[str]) -> bool:
    return "all" in held or set(requested) <= set(held)


# -- sign-up and sessions


@route("POST", "/auth/admin-sign-up", public=True, body="SignUpDto", status=201)
def sign_up(server: Server, call: Call) -> dict[str, Any]:
    if not server.setup_allowed:
        raise bad_request("Admin setup is disabled")
    if server.admin():
        raise bad_request("The server already has an admin")
    return user_response(server, create_user(server, {**call.body, "isAdmin": True, "storageLabel": "admin"}))


@route("POST", "/auth/login", public=True, body="LoginCredentialDto", status=201)
def login(server: Server, call: Call) -> dict[str, Any]:
    if not server.config["passwordLogin"]["enabled"]:
        raise Refused(401, "Password login has been disabled")
    user = by_email(server, call.body["email"])
    if not user or not user["password"] or user["password"] != hashed(user["id"] + call.body["password"]):
        raise Refused(401, "Incorrect email or password")
    token = new_secret()
    server.db["sessions"][hashed(token)] = {"id": server.new_id(), "userId": user["id"], "createdAt": server.now()}
    call.set_cookies |= {"immich_access_token": token, "immich_auth_type": "password", "immich_is_authenticated": "true"}
    return {
        "accessToken": token,
        "userId": user["id"],
        "userEmail": user["email"],
        "name": user["name"],
        "isAdmin": user["isAdmin"],
        "profileImagePath": "",
        "shouldChangePassword": user["shouldChangePassword"],
        "isOnboarded": False,
    }


@route("POST", "/auth/logout")
def logout(server: Server, call: Call) -> dict[str, Any]:
    if call.session:
        del server.db["sessions"][call.session]
    return {"successful": True, "redirectUri": "/auth/login?autoLaunch=0"}


@route("POST", "/auth/validateToken", permission=ANY_KEY)
def validate_token(server: Server, call: Call) -> dict[str, Any]:
    return {"authStatus": True}


def authenticate(server: Server, headers: Any, query: Any, cookies: Any, call: Call) -> None:
    """Fill in who calls: a session wins over an API key."""
    scheme, _space, bearer = headers.get("authorization", "").partition(" ")
    session = next((headers[name] for name in SESSION_HEADERS if headers.get(name)), "") or query.get("sessionKey", "")
    session = session or (bearer if scheme.lower() == "bearer" else "") or cookies.get("immich_access_token", "")
    secret = headers.get("x-api-key") or query.get("apiKey")
    users = server.db["users"]
    if session:
        found = server.db["sessions"].get(hashed(session))
        if not found or users.get(found["userId"], {"deletedAt": True})["deletedAt"]:
            raise Refused(401, "Invalid user token")
        call.session, call.user = hashed(session), users[found["userId"]]
    elif secret:
        key = next((key for key in server.db["api_keys"].values() if key["key"] == hashed(secret)), None)
        if not key or users.get(key["userId"], {"deletedAt": True})["deletedAt"]:
            raise Refused(401, "Invalid API key")
        call.key, call.user = key, users[key["userId"]]
    else:
        raise Refused(401, "Authentication required")


# -- API keys: everybody sees their own


def key_response(key: dict[str, Any]) -> dict[str, Any]:
    return {name: key[name] for name in ("id", "name", "createdAt", "updatedAt", "permissions")}


def own_key(server: Server, call: Call) -> dict[str, Any]:
    key = server.db["api_keys"].get(call.params["id"])
    if not key or key["userId"] != call.user["id"]:
        raise bad_request("API Key not found")
    return key


def refuse_more_than_held(call: Call, permissions: list[str] | None) -> None:
    if call.key and permissions and not granted(permissions, call.key["permissions"]):
        raise bad_request("Cannot grant permissions you do not have")


def with_secret(server: Server, key: dict[str, Any]) -> dict[str, Any]:
    """Give a key a new secret and show it, this once."""
    secret = new_secret()
    key["key"] = hashed(secret)
    flat = key_response(key) if server.version >= (3, 2, 0) else {}
    return {"secret": secret, "apiKey": key_response(key), **flat}


@route("POST", "/api-keys", permission="apiKey.create", body="APIKeyCreateDto", status=201)
def create_key(server: Server, call: Call) -> dict[str, Any]:
    refuse_more_than_held(call, call.body["permissions"])
    now = server.now()
    key = {
        "id": server.new_id(),
        "userId": call.user["id"],
        "name": call.body.get("name") or "API Key",
        "permissions": call.body["permissions"],
        "createdAt": now,
        "updatedAt": now,
    }
    server.db["api_keys"][key["id"]] = key
    return with_secret(server, key)


@route("GET", "/api-keys", permission="apiKey.read")
def list_keys(server: Server, call: Call) -> list[dict[str, Any]]:
    own = [key for key in server.db["api_keys"].values() if key["userId"] == call.user["id"]]
    return [key_response(key) for key in reversed(own)]


@route("GET", "/api-keys/me", permission=ANY_KEY, since="1.139.0")
def my_key(server: Server, call: Call) -> dict[str, Any]:
    if not call.key:
        raise Refused(403, "Not authenticated with an API Key")
    return key_response(call.key)


@route("GET", "/api-keys/{id}", permission="apiKey.read")
def get_key(server: Server, call: Call) -> dict[str, Any]:
    return key_response(own_key(server, call))


@route("PUT", "/api-keys/{id}", permission="apiKey.update", body="APIKeyUpdateDto")
def update_key(server: Server, call: Call) -> dict[str, Any]:
    key = own_key(server, call)
    refuse_more_than_held(call, call.body.get("permissions"))
    key |= call.body | {"updatedAt": server.now()}
    return key_response(key)


@route("DELETE", "/api-keys/{id}", permission="apiKey.delete", status=204)
def delete_key(server: Server, call: Call) -> None:
    del server.db["api_keys"][own_key(server, call)["id"]]


@route("POST", "/api-keys/{id}/rotate", permission="apiKey.rotate", since="3.2.0", status=201)
def rotate_key(server: Server, call: Call) -> dict[str, Any]:
    key = own_key(server, call)
    key["updatedAt"] = server.now()
    return with_secret(server, key)
