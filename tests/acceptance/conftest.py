# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One homelab for all acceptance tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import CHECKOUT, Homelab


@pytest.fixture(scope="session")
def homelab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homelab]:
    """The default homelab, brought up once by the main job itself."""
    lab = Homelab(tmp_path_factory.mktemp("homelab"), CHECKOUT / "inventories" / "homelab")
    try:
        lab.first = lab.play()  # type: ignore[attr-defined]
        yield lab
    finally:
        lab.rehearsal("down")
