# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No new, empty database beside photos that an Immich has had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

EXPORTS = [{"name": "immich"}, {"name": "photos"}]
SEEN, EMPTY = {"markers": {"immich": ["library/.immich"], "photos": []}}, {"markers": {"immich": [], "photos": []}}


@pytest.mark.parametrize(
    ("looked", "words"),
    [
        (SEEN, "already holds the files of an Immich (.immich), and there is no database for them"),
        (EMPTY, None),
        ({"markers": {"immich": [], "photos": ["upload/.immich"]}}, None),  # of another Immich, whose photos are only read
        (None, "is on the export immich, whose NAS was not looked at in this run"),
    ],
)
@pytest.mark.parametrize("exists", [{}, {"database": True}, {"initialized": True, "database": True}])
def test_an_empty_database_beside_old_photos_is_refused(
    ansible: tuple[Any, dict[str, Any]], checkout: Path, looked: Any, words: str | None, exists: dict[str, bool]
) -> None:
    from ansible.template import Templar

    loader, variables = ansible
    tank = {"nas_exports": EXPORTS} | ({"__nas_verified": looked} if looked else {})
    variables = variables | loader.load_from_file(str(checkout / "roles/deliver/vars/main.yml"), trusted_as_template=True)
    variables |= {"immich_accept_existing_media": False, "groups": {"nas": ["tank"]}, "hostvars": {"tank": tank}}
    variables |= {"__immich_cluster": {"initialized": False, "database": False} | exists}

    def refused(**more: Any) -> str:
        return Templar(loader=loader, variables=variables | more).template(variables["__immich_media_refused"]).strip()

    if words is None or exists.get("initialized") or (exists and looked):
        assert refused() == ""
    else:
        assert words in refused()
        assert refused(immich_accept_existing_media=True) == ""
