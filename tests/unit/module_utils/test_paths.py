# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and what is in them."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.paths import mapped, within

FOLDERS = {"/mnt/photos": "/tank/photos/", "/mnt/photos/raw": "/fast/raw", "/mnt/root/": "/"}


@pytest.mark.parametrize(
    ("path", "folder", "is_within"),
    [
        ("/mnt/photos", "/mnt/photos", True),
        ("/mnt/photos/2024", "/mnt/photos", True),
        ("/mnt/photos/2024/", "/mnt/photos/", True),
        ("/mnt//photos", "/mnt/photos", True),
        ("/mnt/photos", "/", True),
        ("/", "/", True),
        ("/mnt/photos-old", "/mnt/photos", False),
        ("/mnt", "/mnt/photos", False),
        ("/", "/mnt", False),
    ],
)
def test_within(path: str, folder: str, is_within: bool) -> None:
    assert within(path, folder) is is_within


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/mnt/photos", "/tank/photos"),
        ("/mnt/photos/2024/a b.jpg", "/tank/photos/2024/a b.jpg"),
        ("/mnt/photos/raw/2024", "/fast/raw/2024"),
        ("/mnt/root", "/"),
        ("/mnt/root/photos", "/photos"),
        ("/mnt/photos-old", None),
        ("/mnt", None),
    ],
)
def test_mapped(path: str, place: str | None) -> None:
    assert mapped(path, FOLDERS) == place
    assert mapped(path, {}) is None
