# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far apart the times of a schedule are."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.cron import longest_pause

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("schedule", "pause"),
    [
        ("0 * * * *", HOUR),
        ("*/15 * * * *", HOUR // 4),
        ("0 3 * * *", DAY),
        ("0 0 2 * * *", DAY),
        ("0 */6 * * *", 6 * HOUR),
        ("0 9,17 * * *", 16 * HOUR),
        ("0 3 * * 0", 7 * DAY),
        ("0 3 * * MON-FRI", 3 * DAY),
        ("0 3 1 * *", 31 * DAY),
        ("0 3 1 * 0", 7 * DAY),  # either of the two
        ("0 3 1 1 *", 366 * DAY),
        ("@weekly", 7 * DAY),
    ],
)
def test_the_longest_pause(schedule: str, pause: int) -> None:
    assert longest_pause(schedule) == pause


@pytest.mark.parametrize("schedule", ["", "@reboot", "0 3 * *", "0 25 * * *"])
def test_what_is_no_schedule(schedule: str) -> None:
    with pytest.raises(ValueError, match="is no schedule"):
        longest_pause(schedule)
