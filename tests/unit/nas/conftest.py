# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NAS for every test that wants one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.rehearsal.truenas.testing import Server


@pytest.fixture
def tank(tmp_path: Path) -> Iterator[Server]:
    """A TrueNAS that is as the default inventory declares it."""
    with Server(tmp_path) as server:
        yield server
