# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a server that Immich cannot live on."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.database import problems

GOOD = {
    "version": "17.10 (Debian 17.10-1)",
    "superuser": True,
    "standby": False,
    "preload": "pg_stat_statements, vchord.so",
    "available": {"vchord": "1.1.1", "vector": "0.8.1", "cube": "1.5", "earthdistance": "1.2"},
    "installed": {"vchord": "1.1.1"},
    "owner": "immich",
    "encoding": "UTF8",
}
WANTED = {"host": "pg", "admin": "postgres", "name": "immich", "immich": "v3.3.5", "postgres": "17", "vectorchord": "1.1.1"}


def test_nothing_is_wrong() -> None:
    assert problems(GOOD, WANTED) == []
    assert problems(GOOD | {"preload": '"$libdir/vchord"', "owner": None, "encoding": None, "installed": {}}, WANTED) == []


@pytest.mark.parametrize(
    ("server", "text"),
    [
        ({"version": "13.4"}, "PostgreSQL 13.4 runs on pg, and immich_version v3.3.5 accepts >=14"),
        ({"version": "16.2"}, "PostgreSQL 16.2 runs on pg, and immich_database_postgres is 17. Set it to 16.2."),
        ({"standby": True}, "pg is a standby, which takes no writes."),
        ({"superuser": False, "preload": None}, "immich_database_admin_user postgres is no superuser of pg"),
        ({"preload": ""}, "shared_preload_libraries of pg is '', without vchord.so"),
        ({"preload": "vectors.so"}, "shared_preload_libraries of pg is 'vectors.so', without vchord.so"),
        (
            {"available": {"vector": "0.8.1", "cube": "1.5", "earthdistance": "1.2"}},
            "pg does not have the extension vchord. Install VectorChord 1.1.1 for PostgreSQL 17 there",
        ),
        ({"available": {"vchord": "1.1.1", "vector": "0.8.1", "cube": "1.5"}}, "pg does not have the extension earthdistance. Install the contrib package"),
        ({"available": GOOD["available"] | {"vchord": "0.5.3"}, "installed": {}}, "pg has the files of VectorChord 0.5.3, and immich_database_vectorchord is"),
        ({"installed": {"vchord": "1.2.0"}}, "The database immich has VectorChord 1.2.0, and pg has the files of 1.1.1 only"),
        ({"available": GOOD["available"] | {"vector": "0.6.2"}}, "pg has pgvector 0.6.2, and VectorChord takes >=0.7 <0.9."),
        ({"available": GOOD["available"] | {"vector": "0.9.0"}}, "pg has pgvector 0.9.0, and VectorChord takes >=0.7 <0.9."),
        ({"owner": "bob"}, "The database immich on pg belongs to the role bob."),
        ({"encoding": "SQL_ASCII"}, "The database immich on pg is encoded in SQL_ASCII, and Immich needs UTF8."),
    ],
)
def test_one_thing_is(server: dict[str, Any], text: str) -> None:
    (said,) = problems(GOOD | server, WANTED)
    assert said.startswith(text)
