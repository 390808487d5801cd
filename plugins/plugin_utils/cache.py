# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Immich reaches its queue. Pure functions, for the templates and for preflight."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

URL = "ioredis://"  # Immich ignores any other REDIS_URL, redis:// too, and says nothing


def ioredis_url(options: Mapping[str, Any]) -> str:
    """What Immich takes as REDIS_URL: the options of the ioredis library."""
    return URL + base64.b64encode(json.dumps(options, separators=(",", ":")).encode()).decode()


def environment(provider: str, in_cluster: str, external: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The variables of the server. `secrets` names the Secret of each purpose that there is; `external` has host, port, username and database."""

    def key(purpose: str, name: str) -> dict[str, Any]:
        return {"secretKeyRef": {"name": secrets[purpose], "key": name}}

    if provider != "external":
        return {"REDIS_HOSTNAME": in_cluster, "REDIS_PORT": 6379, "REDIS_PASSWORD": key("cache", "password")}
    if not external["host"]:
        return {"REDIS_URL": key("cache_url", "url")}
    more = {"REDIS_USERNAME": external["username"], "REDIS_DBINDEX": external["database"], "REDIS_PASSWORD": "cache" in secrets and key("cache", "password")}
    return {"REDIS_HOSTNAME": external["host"], "REDIS_PORT": external["port"]} | {name: value for name, value in more.items() if value}
