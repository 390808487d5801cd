# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron expressions."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.preflight.model import Host, Inventory
from ansible_collections.homelab.immich.plugins.plugin_utils.preflight.rules import schedules

from .conftest import Homelab


@pytest.mark.parametrize(
    ("schedule", "wrong"),
    [
        ("0 0 3 * * *", 'it has 6 fields. Write five, without seconds: "0 3 * * *".'),
        ("3 * *", 'it has 3 fields. Write five, such as "0 3 * * *".'),
        ("", 'it has 0 fields. Write five, such as "0 3 * * *".'),
        ("60 * * * *", "60 is no minute. Use 0-59, *, lists, ranges and steps such as */2."),
        ("0 24 * * *", "24 is no hour. Use 0-23, *, lists, ranges and steps such as */2."),
        ("0 0 0 * *", "0 is no day of the month. Use 1-31, *, lists, ranges and steps such as */2."),
        ("0 0 * 13 *", "13 is no month. Use 1-12 or JAN-DEC, *, lists, ranges and steps such as */2."),
        ("0 0 * * 7", "7 is no day of the week. Use 0-6 or SUN-SAT, *, lists, ranges and steps such as */2."),
        ("*/0 * * * *", "*/0 is no minute. Use 0-59, *, lists, ranges and steps such as */2."),
        ("30-10 * * * *", "30-10 is no minute. Use 0-59, *, lists, ranges and steps such as */2."),
        ("1,,2 * * * *", "1,,2 is no minute. Use 0-59, *, lists, ranges and steps such as */2."),
        ("0 3 30 2 *", "there is no day 30 in the months that it names."),
        ("@reboot", 'use one of @hourly, @daily, @weekly, @monthly, @yearly, or five fields such as "0 3 * * *".'),
        ("every night", 'it has 2 fields. Write five, such as "0 3 * * *".'),
    ],
)
def test_a_scan_schedule_that_is_none(homelab: Homelab, schedule: str, wrong: str) -> None:
    homelab.library["scan"]["schedule"] = schedule
    assert homelab.errors() == [f'immich_libraries[0] (NAS photos): scan.schedule is "{schedule}": {wrong}']


@pytest.mark.parametrize("schedule", ["0 */6 * * *", "30 * * * *", "0 3 * * MON-FRI", "0,30 1-5/2 1 jan,jul *", "5/15 * * * *", "0 3 29 2 *", "@daily"])
def test_a_scan_schedule(homelab: Homelab, schedule: str) -> None:
    homelab.library["scan"]["schedule"] = schedule
    assert homelab.errors() == []


def backup_errors(schedule: str) -> list[str]:
    return [problem.text for problem in schedules.backups(Inventory(instances=(Host("photos", {"immich_database_backup": {"schedule": schedule}}),)))]


@pytest.mark.parametrize(
    ("schedule", "wrong"),
    [
        ("0 3 * * *", 'it has 5 fields. Write six, seconds first: "0 0 3 * * *".'),
        ("* 0 3 * * *", "its first field is seconds, and * starts it several times a minute. Write 0 first."),
        ("@every 1h", 'use one of @hourly, @daily, @weekly, @monthly, @yearly, @midnight, @annually, or six fields such as "0 0 3 * * *".'),
    ],
)
def test_a_backup_schedule_that_is_none(schedule: str, wrong: str) -> None:
    assert backup_errors(schedule) == [f'immich_database_backup.schedule is "{schedule}": {wrong}']


@pytest.mark.parametrize("schedule", ["0 0 3 * * *", "0 30 2 * * SUN", "@midnight"])
def test_a_backup_schedule(schedule: str) -> None:
    assert backup_errors(schedule) == []


def test_a_time_zone_that_is_none(homelab: Homelab) -> None:
    homelab.photos["immich_timezone"] = "Europe/Amsterdm"
    assert homelab.errors() == [
        "immich_timezone is Europe/Amsterdm, which is no time zone. Use a name of the IANA list, such as Europe/Amsterdam. Did you mean Europe/Amsterdam?"
    ]


def test_a_time_zone_by_its_city(homelab: Homelab) -> None:
    homelab.photos["immich_timezone"] = "Stockholm"
    assert homelab.errors() == [
        "immich_timezone is Stockholm, which is no time zone. Use a name of the IANA list, such as Europe/Amsterdam. Did you mean Europe/Stockholm?"
    ]


def test_a_guard_cannot_mount_what_one_pod_alone_may_have(homelab: Homelab) -> None:
    homelab.volumes.append({"name": "own", "mount": "/mnt/own", "existing_claim": "own", "access_mode": "ReadWriteOncePod"})
    assert homelab.errors() == []
    homelab.library["import_paths"] = ["/mnt/own/pictures"]
    expected = (
        "immich_libraries[0] (NAS photos): scan.schedule is set, but the volume at /mnt/own is ReadWriteOncePod, so that no guard can look at "
        "/mnt/own/pictures beside the server. Set its access_mode to ReadWriteOnce, or remove the schedule."
    )
    assert homelab.errors() == [expected]
    homelab.photos["immich_scan_owner"] = "none"
    assert homelab.errors() == []


def test_a_webhook_that_is_no_address(homelab: Homelab) -> None:
    homelab.photos["immich_guard_webhook"] = {"kind": "ntfy", "url": "https://ntfy.example.net/immich"}
    assert homelab.errors() == []
    homelab.photos["immich_guard_webhook"]["url"] = "https://ntfy.example.net"
    expected = (
        "immich_guard_webhook.url is https://ntfy.example.net: the address of the webhook is not one such as https://ntfy.example.net/immich; "
        "of ntfy it ends with the topic."
    )
    assert homelab.errors() == [expected]


def test_a_pushgateway_that_is_no_address(homelab: Homelab) -> None:
    homelab.photos["immich_guard_pushgateway"] = "http://pushgateway.monitoring.svc:9091/"
    assert homelab.errors() == []
    homelab.photos["immich_guard_pushgateway"] = "pushgateway:9091"
    assert homelab.errors() == [
        "immich_guard_pushgateway is pushgateway:9091. Write its address without the job, such as http://pushgateway.monitoring.svc:9091."
    ]


def test_an_owner_without_its_host(homelab: Homelab) -> None:
    homelab.photos["immich_scan_owner"] = "host"
    assert homelab.errors() == [
        "immich_scan_owner is host, and immich_scan_host is not set. Name the host of the inventory whose systemd starts the scans, such as the NAS."
    ]
    homelab.photos["immich_scan_host"] = "tank"
    assert homelab.errors() == []


@pytest.mark.parametrize(
    ("schedule", "never"),
    [("0 3 * * *", True), ("0 */6 * * *", False), ("*/30 22,23 * * *", True), ("@daily", True), ("0 7 * * *", False)],
)
def test_a_schedule_that_comes_in_quiet_hours_alone(homelab: Homelab, schedule: str, never: bool) -> None:
    homelab.library["scan"] |= {"schedule": schedule, "quiet_hours": "22:00-07:00"}
    expected = f'scan.schedule is "{schedule}", which comes in its quiet hours alone, so that it is never scanned. Change one of both.'
    assert homelab.errors() == ([f"immich_libraries[0] (NAS photos): {expected}"] if never else [])
