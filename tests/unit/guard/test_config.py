# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard is told."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils.guard.checks import Checks, Later
from ansible_collections.homelab.immich.plugins.module_utils.guard.config import Config, ConfigError, Limits, allowed, libraries, seconds
from ansible_collections.homelab.immich.plugins.module_utils.guard.report import Report


@pytest.mark.parametrize(
    ("limit", "base", "number"), [("1%", 40, 1), ("1%", 41_203, 413), ("0%", 40, 0), ("0.5%", 1000, 5), ("100", 40, 100), ("0", 9, 0), ("1%", 0, 0)]
)
def test_how_many_may_go(limit: str, base: int, number: int) -> None:
    assert allowed(limit, base) == number


@pytest.mark.parametrize(("text", "number"), [("90s", 90), ("10m", 600), ("26h", 93_600), ("2d", 172_800), ("0", 0), (0, 0)])
def test_times(text: Any, number: int) -> None:
    assert seconds("settle", text) == number


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]), ("08:00-10:00", ["08:00", "09:59"], ["07:59", "10:00", "23:00"])],
)
def test_quiet_hours_go_past_midnight(hours: str, quiet: list[str], loud: list[str]) -> None:
    [read] = Limits.read({"name": "x", "scan": {"quiet_hours": hours}}).quiet_hours
    assert all(read.covers(datetime.time.fromisoformat(time)) for time in quiet)
    assert not any(read.covers(datetime.time.fromisoformat(time)) for time in loud)


def test_quiet_hours_can_be_several() -> None:
    assert len(Limits.read({"name": "x", "scan": {"quiet_hours": ["22:00-06:00", "12:00-13:30"]}}).quiet_hours) == 2


@pytest.mark.parametrize("hours", ["at night", "22-6", "22:00-22:00", "22:00-25:00", ["22:00-06:00", 7], {"begin": "22:00"}])
def test_quiet_hours_that_cannot_be(hours: Any) -> None:
    with pytest.raises(ConfigError, match="write when they begin and end, such as 22:00-06:00"):
        Limits.read({"name": "x", "scan": {"quiet_hours": hours}})


@pytest.mark.parametrize(
    ("now", "is_quiet"),
    [
        ("2026-03-28T05:30:00+00:00", True),  # 06:30 in winter
        ("2026-03-29T04:30:00+00:00", True),  # 06:30 in summer, which began two hours ago
        ("2026-03-29T05:30:00+00:00", False),  # 07:30 in summer; it was 06:30 the day before
        ("2026-10-25T05:30:00+00:00", True),  # 06:30 in winter again
        ("2026-10-25T00:30:00+00:00", True),  # 02:30 for the first time
        ("2026-10-25T01:30:00+00:00", True),  # and for the second
        ("2026-07-01T19:59:00+00:00", False),
        ("2026-07-01T20:00:00+00:00", True),  # 22:00
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall_in_summer_and_in_winter(now: str, is_quiet: bool) -> None:
    limits = Limits.read({"name": "x", "scan": {"quiet_hours": "22:00-07:00"}})
    moment = datetime.datetime.fromisoformat(now)
    config = Config(memory="/m", timezone="Europe/Amsterdam")
    looking, scanning = (
        Checks(None, None, config, [limits], None, now=lambda: moment, check_mode=check, record=print)  # type: ignore[arg-type]
        for check in (True, False)
    )
    report = Report("x", "")
    if is_quiet:
        with pytest.raises(Later, match=r"until 07:00 \(Europe/Amsterdam\).*immich_scan_in_quiet_hours"):
            scanning.hour(limits, report)
    else:
        scanning.hour(limits, report)
    looking.hour(limits, report)
    assert bool(report.notes) is is_quiet  # who only looks sees the plan all the same
    now_all_the_same = dataclasses.replace(config, in_quiet_hours=True)
    Checks(None, None, now_all_the_same, [limits], None, now=lambda: moment, check_mode=False, record=print).hour(limits, report)  # type: ignore[arg-type]


def test_an_entry_of_the_inventory_is_read_as_it_is() -> None:
    entries = [
        {"name": "A", "owner": "Me@example.net", "import_paths": ["/mnt"], "scan": {"schedule": "0 3 * * *", "max_removed": 5, "settle": "10m"}},
        {"name": "B", "owner": "me@example.net", "state": "absent"},
        {"name": "C", "owner": "me@example.net"},
    ]
    first, last = libraries(entries)
    assert (first.name, first.owner, first.max_removed, first.settle) == ("A", "me@example.net", "5", 600)
    assert (last.name, last.max_removed, last.min_files) == ("C", "1%", 0)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"memory": "x"}, "give the absolute path of a folder"),
        ({"view": "both"}, "it is server .ask Immich., mount"),
        ({"sentinels": ("photos",)}, "'photos' in sentinels or folders is not absolute"),
        ({"accept": {"A": "many"}}, "write the number that the refusal named"),
        ({"accept": {"A": True}}, "write the number that the refusal named"),
    ],
)
def test_what_cannot_be_is_told(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Config(**{"memory": "/m", **given})


def test_what_the_page_shows_can_be_written(checkout: Path) -> None:
    page = (checkout / "docs" / "safety.md").read_text()
    config = json.loads(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])
    (limits,) = libraries(config.pop("libraries"))
    assert limits.quiet_hours and Config(**{name: value for name, value in config.items() if name in Config.__dataclass_fields__}).view == "mount"
    shown = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    (limits,) = libraries(shown["immich_libraries"])
    assert (limits.max_removed, limits.min_files, limits.max_age_of_backup, limits.settle) == ("1%", 1000, 93_600, 600)
    known = yaml.safe_load((checkout / "roles" / "libraries" / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert set(shown) <= set(known) and set(shown["immich_libraries"][0]["scan"]) <= set(known["immich_libraries"]["options"]["scan"]["options"])
