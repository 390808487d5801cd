# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Immich's own library scan, on a server."""

from __future__ import annotations

from typing import Any

import pytest


def test_by_default_it_is_switched_off_and_a_second_run_changes_nothing(immich: Any) -> None:
    result = immich.run("scan_schedule")
    assert result.changed and result.after == {"system settings": {"library.scan.enabled": False}}
    assert not immich.run("scan_schedule").changed
    assert immich.server.running.config["library"]["scan"]["enabled"] is False


def test_it_can_be_given_a_timer(immich: Any) -> None:
    result = immich.run("scan_schedule", enabled=True, cron="30 3 * * *", watch=True)
    assert result["updated"] == ["library.scan.cronExpression", "library.watch.enabled"]
    assert not immich.run("scan_schedule", enabled=True, cron="30 3 * * *", watch=True).changed


def test_check_mode_says_the_same_and_changes_nothing(immich: Any) -> None:
    planned = immich.run("scan_schedule", check=True)
    assert planned.changed and planned["diff"] == immich.run("scan_schedule")["diff"]
    assert not immich.run("scan_schedule", check=True).changed


@pytest.mark.parametrize("cron", ["0 0 * *", "0 0 0 * * *", "@daily", ""])
def test_a_cron_that_has_not_five_fields_is_refused(immich: Any, cron: str) -> None:
    assert "five fields" in immich.run("scan_schedule", enabled=True, cron=cron).message
    assert not immich.server.requests
