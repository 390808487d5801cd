# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading queues."""

from __future__ import annotations

from typing import Any

IDLE = {"paused": False, "active": 0, "waiting": 0, "delayed": 0, "held": 0, "failed": 0, "idle": True}


def test_queues_are_listed_as_the_server_has_them(immich: Any) -> None:
    result = immich.run("queue_info")
    assert not result.changed and result["idle"] and {**IDLE, "name": "library"} in result["queues"]
    assert [queue["name"] for queue in result["queues"]] == list(immich.server.running.jobs.queues)
    assert immich.run("queue_info", check=True)["queues"] == result["queues"]


def test_what_is_held_by_a_pause_is_not_idle(immich: Any) -> None:
    immich.run("queue", name="smartSearch", state="paused")
    immich.run("queue", name="smartSearch", state="started")
    result = immich.run("queue_info", name="smartSearch")
    assert not result["idle"] and result["queues"] == [{**IDLE, "name": "smartSearch", "paused": True, "held": 1, "idle": False}]


def test_an_unknown_queue_is_an_error(immich: Any) -> None:
    assert "did you mean library?" in immich.run("queue_info", name="libary").message
