# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pausing, resuming, starting and emptying queues, and waiting for them."""

from __future__ import annotations

from typing import Any


def one(result: Any, name: str) -> dict[str, Any]:
    return next(queue for queue in result["queues"] if queue["name"] == name)


def test_a_queue_is_paused_and_resumed_once(immich: Any) -> None:
    for state, paused in (("paused", True), ("resumed", False)):
        checked = immich.run("queue", name="library", state=state, check=True)
        assert checked.changed and one(checked, "library")["paused"] is not paused
        done = immich.run("queue", name="library", state=state)
        assert done.changed and done.after == {"queue library": {"paused": paused}} and one(done, "library")["paused"] is paused
        again = immich.run("queue", name="library", state=state)
        assert not again.changed and again.after == {}


def test_all_queues_but_the_one_that_cannot_be(immich: Any) -> None:
    done = immich.run("queue", state="paused")
    assert done.changed and [queue["name"] for queue in done["queues"] if not queue["paused"]] == ["backgroundTask"]
    assert not immich.run("queue", state="paused").changed
    assert "backgroundTask cannot be paused" in immich.run("queue", name="backgroundTask", state="paused").message


def test_a_started_queue_is_waited_for(immich: Any) -> None:
    assert immich.run("queue", name="smartSearch", state="started", check=True).changed
    done = immich.run("queue", name="smartSearch", state="started", wait=True)
    assert done.changed and one(done, "smartSearch")["idle"] and done["failed_meanwhile"] == {}


def test_start_of_a_running_queue_is_explained(immich: Any) -> None:
    immich.server.job_seconds(0.5)
    immich.run("queue", name="smartSearch", state="started")
    again = immich.run("queue", name="smartSearch", state="started")
    assert not again.changed and "already running (1 active)" in again.warnings[0]
    assert "is already running" in immich.run("queue", name="smartSearch", state="started", force=True).message
    immich.server.job_seconds(0.005)


def test_what_cannot_be_started_is_refused_before_anything_is_sent(immich: Any) -> None:
    message = immich.run("queue", names=["smartSearch", "notifications"], state="started").message
    assert "notifications cannot be started" in message and not immich.server.mutations
    assert "notifications cannot be started" in immich.run("queue", name="notifications", state="started", check=True).message


def test_waiting_jobs_are_dropped(immich: Any) -> None:
    immich.run("queue", name="smartSearch", state="paused")
    assert immich.run("queue", name="smartSearch", state="started").warnings == ["Queue smartSearch is paused: what was started runs when it is resumed."]
    assert immich.run("queue", name="smartSearch", state="emptied", check=True).changed
    done = immich.run("queue", name="smartSearch", state="emptied")
    assert done.changed and one(done, "smartSearch")["held"] == 0 and done.after == {"queue smartSearch": {"waiting": 0}}
    assert not immich.run("queue", name="smartSearch", state="emptied").changed


def test_failed_jobs_are_forgotten_when_asked(immich: Any) -> None:
    immich.server.break_backups("fail")
    started = immich.run("queue", name="backupDatabase", state="started", wait=True)
    assert started["failed_meanwhile"] == {"backupDatabase": 1} and "failed meanwhile" in started.warnings[0]
    assert not immich.run("queue", name="backupDatabase", state="emptied").changed
    done = immich.run("queue", name="backupDatabase", state="emptied", failed=True)
    assert done.changed and one(done, "backupDatabase")["failed"] == 0


def test_a_wait_ends_when_all_is_idle_or_the_time_is_over(immich: Any) -> None:
    idle = immich.run("queue", state="idle")
    assert not idle.changed and all(queue["idle"] for queue in idle["queues"])
    assert not immich.run("queue", state="idle", check=True).changed
    immich.server.job_seconds(3)
    immich.run("queue", name="smartSearch", state="started")
    message = immich.run("queue", state="idle", wait_timeout=0).message
    assert "still waits for queue smartSearch (1 active)" in message and "raise wait_timeout (0 s)" in message
    immich.server.job_seconds(0.005)


def test_a_pause_that_holds_jobs_is_not_waited_for(immich: Any) -> None:
    immich.run("queue", name="smartSearch", state="paused")
    immich.run("queue", name="smartSearch", state="started")
    assert "smartSearch is paused and holds jobs, so it never becomes idle" in immich.run("queue", state="idle").message


def test_an_unknown_name_is_named_with_what_is_near(immich: Any) -> None:
    message = immich.run("queue", names=["libary", "xyz"], state="paused").message
    assert "no queue libary; did you mean library?" in message and "no queue xyz; it has thumbnailGeneration, " in message


def test_which_queues_has_to_be_said_where_it_is_dangerous(immich: Any) -> None:
    for state in ("started", "emptied"):
        assert "names" in immich.run("queue", state=state).message


def test_a_key_of_an_older_server_still_serves(immich: Any) -> None:
    old = immich.server.instance.version == "1.135.3"
    key = immich.log_in("api_key", name="older", permissions=["apiKey.read"] if old else ["job.read", "job.create"])["secret"]
    assert immich.run("queue", api_key=key, name="library", state="paused").changed
    assert not immich.run("queue", api_key=key, name="library", state="paused").changed
