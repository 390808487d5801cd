# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server says about itself, and about its maintenance mode."""

from __future__ import annotations

import re
from typing import Any

from .client import Client
from .errors import ApiError, NotFound, Unreachable

# in maintenance mode the one, else (and before v2.3) the other
_CONFIG = ({"maintenanceMode": bool}, {"isInitialized": bool})
_STORAGE = {"diskSizeRaw": int, "diskUseRaw": int, "diskAvailableRaw": int}
_STATISTICS = {"photos": int, "videos": int, "usage": int}
NOTHING = dict.fromkeys(("version", "known", "initialized", "features", "settings_owner", "history", "storage", "about"))


def config(api: Client) -> dict[str, Any]:
    """Read what everybody may know; in maintenance mode that is only maintenanceMode."""
    return api.get("/server/config", doing="see whether the server is in maintenance mode", shape=_CONFIG)


def in_maintenance(answer: dict[str, Any]) -> bool:
    """Say whether the server is in maintenance mode; before v2.3 there is none."""
    return answer.get("maintenanceMode") is True


def public_facts(api: Client) -> dict[str, Any]:
    """Read what the server tells everybody."""
    answer = config(api)
    if in_maintenance(answer):
        return {**NOTHING, "maintenance": True, "version": _version_in_maintenance(api)}
    features = api.get("/server/features", doing="read the server's features", shape={"configFile": bool})
    history = api.get("/server/version-history", doing="read the server's versions", shape=[{"version": str, "createdAt": str}])
    known = api.capabilities
    return {
        **NOTHING,
        "maintenance": False,
        "version": known.version.plain,
        "known": not known.newer_than_known,
        "initialized": answer.get("isInitialized"),
        "features": features,
        "settings_owner": "file" if features["configFile"] else "api",
        "history": [{"version": item["version"], "since": item["createdAt"]} for item in history],
    }


def _version_in_maintenance(api: Client) -> str | None:
    try:
        return api.version.plain
    except NotFound:  # before v2.5
        return None


def facts(api: Client, *, statistics: bool) -> dict[str, Any]:
    """Read what takes a key."""
    storage = api.get("/server/storage", doing="read the server's storage", shape=_STORAGE)
    result: dict[str, Any] = {
        "storage": {"size": storage["diskSizeRaw"], "used": storage["diskUseRaw"], "available": storage["diskAvailableRaw"]},
        "about": api.get("/server/about", doing="read the server's build", shape=dict),
    }
    if statistics:
        counted = api.get("/server/statistics", doing="count the assets of all users", shape=_STATISTICS)
        result["statistics"] = {name: counted[name] for name in _STATISTICS}
    return result


def token_of(set_cookie: str) -> str | None:
    """Find the token of maintenance mode in the cookies that an answer sets."""
    match = re.search(r"\bimmich_maintenance_token=([^;,\s]+)", set_cookie)
    return match[1] if match else None


def login_url(answer: dict[str, Any], url: str | None, token: str) -> str | None:
    """Where a person signs in during maintenance mode; None where no address of the web pages is known."""
    base = answer.get("externalDomain") or url
    return f"{str(base).rstrip('/').removesuffix('/api')}/maintenance?token={token}" if base else None


def until_maintenance(api: Client, wanted: bool) -> str:
    """What is waited for while the server restarts into or out of maintenance mode; empty when it is there."""
    try:
        there = in_maintenance(config(api)) == wanted
    except Unreachable:
        there = False
    except ApiError as error:
        if error.status < 500 and error.status != 404:  # a proxy or the Kubernetes API in front of a server that restarts
            raise
        there = False
    return "" if there else f"the server to restart {'into' if wanted else 'out of'} maintenance mode"
