# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard's key opens, by the API documents: tests/unit/guard/test_key.py tries the same on the stand-in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich.versions import permissions

# the document of 1.135.3 names no permissions
RELEASES = ("2.0.0", "2.4.1", "2.5.5", "2.7.5", "3.0.0", "3.1.0")


@pytest.mark.parametrize("release", RELEASES)
def test_it_opens_nothing_that_the_page_does_not_say(reference: Path, checkout: Path, release: str) -> None:
    page = (checkout / "docs" / "safety.md").read_text()
    said = {call for line in page.splitlines() if re.match(r"\| `\w+\.\w+` \|", line) for call in re.findall(r"`([A-Z]+ /[^`]+)`", line)}
    paths = json.loads((reference / "openapi" / f"immich-v{release}.json").read_text())["paths"]
    asked = {
        f"{method.upper()} {re.sub('^/jobs/{id}', '/jobs/{name}', path)}": call.get("x-immich-permission", "all")
        for path, calls in paths.items()
        for method, call in calls.items()
        if call.get("security")
    }
    key = set(permissions(release, ["guard"]))
    opened = {call for call, permission in asked.items() if permission in key}
    assert opened == said & set(asked)
    assert len(asked) > 40 and len(opened) < 15
