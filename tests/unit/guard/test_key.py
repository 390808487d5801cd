# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard's key opens is what docs/safety.md says, on a server of each version that asks a key for its permissions; everything else is refused."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport
from ansible_collections.homelab.immich.plugins.module_utils.immich.versions import permissions
from ansible_collections.homelab.immich.rehearsal.immich import dialects
from ansible_collections.homelab.immich.rehearsal.immich.dialects import present
from ansible_collections.homelab.immich.rehearsal.immich.routes import ROUTES
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

NOBODY = "00000000-0000-4000-8000-000000000000"
ASKED = [version for version in dialects.DIALECTS if dialects.parse(version) >= (1, 136, 0)]
# every key may ask for itself
OF_ANY_KEY = {"POST /auth/validateToken", "GET /api-keys/me"}


def status(url: str, method: str, path: str, key: str) -> int:
    """What a call is answered with; the things that it names do not exist, so that one that is let through does nothing."""
    target = re.sub(r"\{name\}", "library", re.sub(r"\{(id|filename|type)\}", NOBODY, path))
    headers = {"x-api-key": key, "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/api{target}", None if method == "GET" else json.dumps({}).encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("version", ASKED)
def test_the_key_opens_what_the_page_says_and_nothing_else(tmp_path: Path, checkout: Path, version: str) -> None:
    page = (checkout / "docs" / "safety.md").read_text()
    said = {call for line in page.splitlines() if re.match(r"\| `\w+\.\w+` \|", line) for call in re.findall(r"`([A-Z]+ /[^`]+)`", line)}
    wanted = permissions(version, ["guard"])
    assert set(wanted) <= set(re.findall(r"^\| `(\w+\.\w+)` \|", page, re.MULTILINE))
    with Server(version, {}, tmp_path) as server:
        admin = Client(HttpTransport(server.url))
        admin.post("/auth/admin-sign-up", {"email": "admin@example.net", "name": "Admin", "password": "correct-horse-1"}, doing="sign up")
        admin.login("admin@example.net", "correct-horse-1")
        key = admin.post("/api-keys", {"name": "guard", "permissions": wanted}, doing="make a key")["secret"]
        now = dialects.parse(version)
        there = [f"{route.method} {route.path}" for route in ROUTES if present({"since": route.since, "before": route.before}, now) and not route.public]
        opened = {call for call in there if status(server.url, *call.split(" "), key) != 403}
    assert opened - OF_ANY_KEY == said & set(there)
    assert len(there) > len(opened) + 20
