# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in plays every call that a module may make, in every dialect: same status, same permission."""

from __future__ import annotations

import re

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich import versions
from ansible_collections.homelab.immich.rehearsal.immich.dialects import DIALECTS, parse
from ansible_collections.homelab.immich.rehearsal.immich.routes import find

UUID = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize("release", DIALECTS)
def test_every_call_of_a_module_is_played(release: str) -> None:
    calls = versions.endpoints(release)
    assert len(calls) > 30
    for call in calls:
        found = find(call.method, re.sub(r"\{\w+\}", UUID, call.path), parse(release))
        assert found, f"{call.method} {call.path} is not played in {release}"
        route, where = found[0], f"{call.method} {call.path} in {release}"
        assert route.status == call.status, where
        assert route.public == (call.permission == versions.ANYBODY), where
        if call.permission not in (versions.ANYBODY, versions.ANY_KEY) and parse(release) >= (1, 136, 0):
            assert route.held(parse(release)) == call.permission, where
