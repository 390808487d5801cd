# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an API key: functions of what the server has and what is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .changes import Change, Plan, PlanErrors, Step
from .client import Client
from .errors import Forbidden, Unauthorized

_KEY = {"id": str, "name": str, "permissions": [str]}
CREATED = {"apiKey": _KEY, "secret": str}


def read_own(api: Client) -> dict[str, Any] | None:
    """Read the key that the client uses; None when the server does not accept it. Its permissions are missing where the server cannot say."""
    try:
        if api.capabilities.api_keys_me:
            return api.get("/api-keys/me", doing="check the API key", shape=_KEY)
        api.get("/users/me", doing="check the API key")
    except Unauthorized:
        return None
    except Forbidden:
        if api.capabilities.api_keys_me:
            raise
    return {}


def list_keys(api: Client) -> list[dict[str, Any]]:
    """Read the keys of the user who is logged in."""
    return api.get("/api-keys", doing="list the API keys", shape=[_KEY])


def named(keys: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Find a key by name; more than one is an error."""
    matches = [key for key in keys if key["name"] == name]
    if len(matches) > 1:
        listed = ", ".join(f"{key['id']} ({len(key['permissions'])} permissions)" for key in matches)
        raise PlanErrors([f'API key "{name}": the user has {len(matches)} keys of that name ({listed}); delete all but one in Immich, or choose another name.'])
    return matches[0] if matches else None


def lacking(own: Mapping[str, Any], permissions: Iterable[str]) -> list[str]:
    """Name the wanted permissions that a key does not have."""
    has = set(own["permissions"])
    return [] if "all" in has else sorted(set(permissions) - has)


def plan_update(found: Mapping[str, Any], name: str, permissions: list[str]) -> Plan:
    """Give an existing key the name and exactly the permissions that are wanted."""
    before = {"name": found["name"], "permissions": sorted(found["permissions"])}
    after = {"name": name, "permissions": sorted(permissions)}
    what = f'API key "{name}"'
    if before == after:
        return Plan(Change(what, before, after))
    return Plan(Change(what, before, after), (Step("PUT", f"/api-keys/{found['id']}", after, f"update {what}"),))


def plan_removal(found: Mapping[str, Any] | None, name: str) -> Plan:
    """Delete a key."""
    what = f'API key "{name}"'
    if found is None:
        return Plan(Change(what, None, None))
    before = {"name": found["name"], "permissions": sorted(found["permissions"])}
    return Plan(Change(what, before, None), (Step("DELETE", f"/api-keys/{found['id']}", None, f"delete {what}"),))
