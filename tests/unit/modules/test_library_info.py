# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading external libraries."""

from __future__ import annotations

from typing import Any

ENTRIES = [
    {"name": "B", "owner": "admin@example.net", "import_paths": ["/mnt/photos/2023"]},
    {"name": "A", "owner": "admin@example.net", "import_paths": ["/mnt/photos/2024"]},
]


def test_libraries_are_listed_by_owner_and_name(immich: Any) -> None:
    immich.run("library", libraries=ENTRIES)
    result = immich.run("library_info")
    assert not result.changed and result["requests"] == 2
    assert [(library["owner"], library["name"], library["import_paths"]) for library in result["libraries"]] == [
        ("admin@example.net", "A", ["/mnt/photos/2024"]),
        ("admin@example.net", "B", ["/mnt/photos/2023"]),
    ]


def test_check_mode_reads_the_same(immich: Any) -> None:
    immich.run("library", libraries=ENTRIES)
    assert immich.run("library_info", check=True)["libraries"] == immich.run("library_info")["libraries"]


def test_filters_and_figures(immich: Any) -> None:
    immich.run("library", libraries=ENTRIES)
    assert [library["name"] for library in immich.run("library_info", name="A")["libraries"]] == ["A"]
    assert immich.run("library_info", owner="mum@example.net")["libraries"] == []
    assert len(immich.run("library_info", owner="Admin@example.net")["libraries"]) == 2
    assert immich.run("library_info", name="A", statistics=True)["libraries"][0]["statistics"] == {"photos": 0, "videos": 0, "total": 0, "usage": 0}
