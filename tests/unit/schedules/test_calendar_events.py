# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron expressions as systemd's calendar events, in the zone of the instance."""

from __future__ import annotations

import datetime
import random
import re
import shutil
import subprocess
import zoneinfo

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.calendar_events import calendar, minutes_of_day
from ansible_collections.homelab.immich.plugins.plugin_utils.cron import FIELDS
from ansible_collections.homelab.immich.plugins.plugin_utils.cron import values as field

ZONE = "Europe/Amsterdam"
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze on this machine to ask")


@pytest.mark.parametrize(
    ("cron", "events"),
    [
        ("0 */6 * * *", ["*-*-* 00,06,12,18:00:00"]),
        ("30 * * * *", ["*-*-* *:30:00"]),
        ("* * * * *", ["*-*-* *:*:00"]),
        ("5/15 3 * * *", ["*-*-* 03:05,20,35,50:00"]),
        ("0 3 * * MON-FRI", ["Mon,Tue,Wed,Thu,Fri *-*-* 03:00:00"]),
        ("0 3 * * 0,6", ["Sat,Sun *-*-* 03:00:00"]),
        ("0 3 * * 0-6", ["*-*-* 03:00:00"]),
        ("0 3 1 jan,jul *", ["*-01,07-01 03:00:00"]),
        # one of both, not both
        ("0 3 1,15 * SUN", ["*-*-01,15 03:00:00", "Sun *-*-* 03:00:00"]),
        ("0 3 */10 2 SUN", ["*-02-01,11,21,31 03:00:00", "Sun *-02-* 03:00:00"]),
        ("0 3 */1 * SUN", ["Sun *-*-* 03:00:00"]),
        ("@weekly", ["Sun *-*-* 00:00:00"]),  # systemd's own weekly is on Monday
        ("@hourly", ["*-*-* *:00:00"]),
        ("@yearly", ["*-01-01 00:00:00"]),
    ],
)
def test_a_cron_expression_as_calendar_events(cron: str, events: list[str]) -> None:
    assert calendar(cron, ZONE) == [f"{event} {ZONE}" for event in events]


def test_what_is_no_cron_expression_is_an_error() -> None:
    with pytest.raises(ValueError, match="is no cron expression"):
        calendar("0 25 * * *", ZONE)


def test_when_on_a_day_it_comes() -> None:
    assert minutes_of_day("30 */12 * * *") == {30, 750} and minutes_of_day("@daily") == {0} and len(minutes_of_day("* * * * *")) == 1440


def elapses(event: str, base: datetime.datetime, count: int) -> list[datetime.datetime]:
    """When systemd says that an event comes."""
    command = ["systemd-analyze", "calendar", event, f"--base-time={base:%Y-%m-%d %H:%M:%S} UTC", f"--iterations={count}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C"}).stdout
    found = re.findall(r"(?:Next elapse|Iter\. #\d+): \w{3} (\S+ \S+) UTC", said)
    return [datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC) for text in found]


def expected(cron: str, base: datetime.datetime, count: int) -> list[datetime.datetime]:
    """The same by going through the minutes of the zone's clock, as cron does."""
    texts = cron.split()
    minutes, hours, days, months, weekdays = (field(text, low, high, names) or set() for text, (_n, low, high, names) in zip(texts, FIELDS[1:], strict=True))
    zone, found, moment = zoneinfo.ZoneInfo(ZONE), [], base.replace(second=0)
    while len(found) < count:
        moment += datetime.timedelta(minutes=1)
        local = moment.astimezone(zone)
        by_day, by_weekday = local.day in days, local.isoweekday() % 7 in weekdays
        day = by_day and by_weekday if "*" in (texts[2], texts[4]) else by_day or by_weekday
        if day and local.month in months and local.hour in hours and local.minute in minutes:
            found.append(moment)
    return found


@needs_systemd
@pytest.mark.parametrize("cron", ["0 */6 * * *", "30 4 * * 1-5", "15,45 22 * * 0", "0 3 */10 * SAT", "0 12 1 * *"])
@pytest.mark.parametrize("base", ["2026-03-27T12:00:00", "2026-10-23T12:00:00"], ids=["into summer", "into winter"])
def test_systemd_reads_it_as_cron_does(cron: str, base: str) -> None:
    start = datetime.datetime.fromisoformat(base).replace(tzinfo=datetime.UTC)
    found = sorted({moment for event in calendar(cron, ZONE) for moment in elapses(event, start, 12)})[:5]
    assert found == expected(cron, start, 5)


@needs_systemd
def test_an_hour_that_the_clock_jumps_over_is_left_out() -> None:
    """As Kubernetes does it: 02:30 is not there on the morning of the 29th of March."""
    [event] = calendar("30 2 * * *", ZONE)
    found = elapses(event, datetime.datetime(2026, 3, 27, 12, tzinfo=datetime.UTC), 3)
    assert [f"{moment:%d %H:%M}" for moment in found] == ["28 01:30", "30 00:30", "31 00:30"]


@needs_systemd
def test_systemd_takes_any_expression() -> None:
    chosen = random.Random(7)

    def some(low: int, high: int) -> str:
        first = chosen.randint(low, high)
        return chosen.choice(["*", f"*/{chosen.randint(1, 9)}", str(first), f"{first}-{chosen.randint(first, high)}", f"{low},{high}", f"{first}/3"])

    events = [event for _number in range(40) for event in calendar(" ".join(some(low, high) for _n, low, high, _names in FIELDS[1:]), ZONE)]
    said = subprocess.run(["systemd-analyze", "calendar", *events], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
