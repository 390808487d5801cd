# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Each module on each version of Immich: create, no change, check mode, diff, change, absent, ambiguity.

A new module is a line in CASES, or in READS when it changes nothing. Where one of these words means nothing for a module, its line says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.rehearsal.immich import dialects
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from module_runner import Result, Run

from .cases import MEMORY, MODULES
from .conftest import EMAIL, PASSWORD, Immich

SESSION = {"api_key": None, "email": EMAIL, "password": PASSWORD}


@dataclass(frozen=True)
class Case:
    """What one module is asked for, one after the other."""

    module: str
    create: dict[str, Any]
    # what the diff shows as new then: the things, by name
    creates: list[str]
    # options that differ in the next run, and just what the diff shows of it
    change: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    # options that take it away again
    absent: dict[str, Any] | None = None
    # makes a second one behind the module's back, and what the module says then
    ambiguous: Callable[[Any], None] | None = None
    ambiguous_with: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    # which part of the result goes into the next run, and as which option
    carry: tuple[str, str] | None = None
    # what is there before
    before: Callable[[Immich], Any] = lambda immich: None
    # the server was never set up
    fresh: bool = False
    # the first version that can do it, and the first that knows what was done; others refuse, or do it again
    since: str = ""
    known_since: str = ""
    # why it has no change, absent or ambiguous
    lacks: dict[str, str] = field(default_factory=dict)


def twice(kind: str, **differs: Any) -> Callable[[Any], None]:
    """Store another of the same name, as two people at two browsers may."""

    def store(db: Any) -> None:
        item = list(db[kind].values())[-1]
        db[kind]["00000000-0000-4000-8000-000000000000"] = {**item, "id": "00000000-0000-4000-8000-000000000000", **differs}

    return store


def with_library(immich: Immich) -> None:
    assert immich.run("library", name="NAS", owner=EMAIL, import_paths=["/mnt/photos"]).changed


ONE_SETTINGS = {"absent": "a setting always has a value", "ambiguous": "a server has one set of settings"}

CASES = [
    Case(
        "admin",
        SESSION,
        ["administrator admin@example.net", "first-run wizard"],
        fresh=True,
        lacks={
            "change": "an account that is there is never changed",
            "absent": "a server cannot be without",
            "ambiguous": "there is one first administrator",
        },
    ),
    Case(
        "api_key",
        {**SESSION, "name": "ansible", "permissions": ["library.read"]},
        ['API key "ansible"'],
        change={"permissions": ["library.read", "library.update"]},
        changes={'API key "ansible"': {"permissions": ["library.read", "library.update"]}},
        absent={"api_key": None, "state": "absent"},
        ambiguous=twice("api_keys"),
        # a key whose secret is known is not looked up by its name
        ambiguous_with={"api_key": None, "state": "absent"},
        says="2 keys of that name",
        carry=("secret", "api_key"),
    ),
    Case(
        "database_backup",
        {"max_age": 26},
        ["database backup"],
        # before, the server does not list them
        known_since="2.5.0",
        lacks={"change": "a file that is made", "absent": "the server cleans up by itself", "ambiguous": "a file's name is its own"},
    ),
    Case(
        "library",
        {"name": "NAS", "owner": EMAIL, "import_paths": ["/mnt/photos/2023"]},
        ['library "NAS" of admin@example.net'],
        change={"import_paths": ["/mnt/photos/2023", "/mnt/photos/2024"]},
        changes={'library "NAS" of admin@example.net': {"import_paths": ["/mnt/photos/2023", "/mnt/photos/2024"]}},
        absent={"state": "absent"},
        ambiguous=twice("libraries"),
        says='2 libraries named "NAS"',
    ),
    Case(
        "brake",
        {"memory": f"{MEMORY.name}/brake"},
        ["system settings"],
        lacks=ONE_SETTINGS | {"change": "it is set or released, which its own test has"},
    ),
    Case(
        "guarded_scan",
        {"memory": f"{MEMORY.name}/scan", "libraries": [{"name": "NAS", "owner": "admin@example.net"}]},
        ['library "NAS" of admin@example.net'],
        before=with_library,
        ambiguous=twice("libraries"),
        says='Library "NAS" of admin@example.net is there 2 times',
        known_since="99.0.0",
        lacks={"change": "a scan is one or none", "absent": "a scan cannot be undone"},
    ),
    Case(
        "library_scan",
        {"name": "NAS", "max_age": 1},
        ['library "NAS" of admin@example.net'],
        before=with_library,
        ambiguous=twice("libraries"),
        says='Library "NAS" is there 2 times',
        lacks={"change": "a scan is one or none", "absent": "a scan cannot be undone"},
    ),
    Case(
        "maintenance",
        {"enabled": True},
        ["maintenance mode"],
        change={"enabled": False},
        changes={"maintenance mode": {"enabled": False}},
        carry=("token", "token"),
        since="2.3.0",
        lacks={"absent": "it is on or off", "ambiguous": "a server has one mode"},
    ),
    Case(
        "queue",
        {"name": "library", "state": "paused"},
        ["queue library"],
        change={"state": "resumed"},
        changes={"queue library": {"paused": False}},
        lacks={"absent": "the server has the queues that it has", "ambiguous": "their names are the server's"},
    ),
    Case(
        "scan_schedule",
        {},
        ["system settings"],
        change={"enabled": True, "cron": "5 4 * * *"},
        changes={"system settings": {"library.scan.enabled": True, "library.scan.cronExpression": "5 4 * * *"}},
        lacks=ONE_SETTINGS,
    ),
    Case(
        "system_config",
        {"settings": {"trash": {"days": 60}}},
        ["system settings"],
        change={"settings": {"trash": {"days": 90}}},
        changes={"system settings": {"trash.days": 90}},
        lacks=ONE_SETTINGS,
    ),
    Case(
        "user",
        {"users": [{"email": "mum@example.net", "name": "Mum", "password": "mum-secret-1", "quota": "10Gi", "storage_label": "mum", "admin": False}]},
        ["user mum@example.net"],
        change={"users": [{"email": "mum@example.net", "quota": "20Gi", "admin": True}]},
        changes={"user mum@example.net": {"quota": 20 * 1024**3, "admin": True}},
        absent={"users": [{"email": "mum@example.net", "state": "absent"}]},
        ambiguous=twice("users", email="MUM@example.net"),
        says="2 users with this address",
    ),
]

# what they are asked for, what they find, and the first version that can say it
READS: dict[str, tuple[dict[str, Any], Callable[[Result], bool], str]] = {
    "integrity_info": ({"types": ["missing_file"]}, lambda result: set(result["summary"].values()) == {0} and result["findings"] == [], "3.0.0"),
    "library_info": ({}, lambda result: [item["name"] for item in result["libraries"]] == ["NAS"], ""),
    "queue_info": ({"name": "library"}, lambda result: result["idle"] and [item["name"] for item in result["queues"]] == ["library"], ""),
    "server_info": ({"statistics": True}, lambda result: result["known"] and result["statistics"]["photos"] == 0, ""),
}


def test_every_module_has_its_line_and_every_word_its_case_or_its_reason() -> None:
    assert sorted([*(case.module for case in CASES), *READS]) == sorted(MODULES)
    for case in CASES:
        given = {"change": case.change, "absent": case.absent, "ambiguous": case.ambiguous}
        assert {word for word, value in given.items() if not value} == set(case.lacks), case.module


@dataclass
class Play:
    """A case on one version."""

    case: Case
    immich: Immich
    options: dict[str, Any]

    def run(self, *, check: bool = False, **more: Any) -> Result:
        return self.immich.run(self.case.module, check=check, **{**self.options, **more})

    def create(self) -> Result:
        result = self.run()
        assert result.changed
        if self.case.carry:
            part, option = self.case.carry
            self.options[option] = result[part]
        return result

    def same_twice(self, **more: Any) -> Result:
        """Check mode says what happens; then it happens; then nothing does, in check mode neither."""
        planned = self.run(check=True, **more)
        done = self.run(**more)
        self.options |= more
        assert planned.changed and done.changed and planned["diff"] == done["diff"]
        self.settled()
        return done

    def refused(self) -> bool:
        """Whether this version cannot do it: then it says since when it can, and has not tried."""
        if self.immich.server.running.version >= dialects.parse(self.case.since or "0.0.0"):
            return False
        for check in (True, False):
            assert f"it takes v{self.case.since} or later" in self.run(check=check).message
        assert self.immich.server.mutations == []
        return True

    def settled(self) -> None:
        if self.immich.server.running.version < dialects.parse(self.case.known_since or "0.0.0"):
            assert self.run(check=True).changed and self.run().changed
            return
        before = len(self.immich.server.mutations)
        for check in (True, False):
            again = self.run(check=check)
            assert not again.changed and again["diff"] == []
        assert self.immich.server.mutations[before:] == []


@pytest.fixture(params=dialects.DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def play(request: pytest.FixtureRequest, dialect: str, tmp_path: Path, run_module: Run) -> Iterator[Play]:
    case: Case = request.param
    for folder in ("2023", "2024"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    with Server(dialect, {"/mnt/photos": tmp_path / "photos"}, tmp_path) as server:
        immich = Immich(server, "", run_module)
        if not case.fresh:
            assert immich.log_in("admin").changed
            immich.key = immich.log_in("api_key", name="tests", permissions=["all"])["secret"]
        case.before(immich)
        server.requests.clear()
        yield Play(case, immich, dict(case.create))


def cases(wanted: Callable[[Case], Any]) -> Any:
    chosen = [case for case in CASES if wanted(case)]
    return pytest.mark.parametrize("play", chosen, ids=[case.module for case in chosen], indirect=True)


@cases(lambda case: True)
def test_created_once_and_check_mode_said_so(play: Play) -> None:
    if play.refused():
        return
    planned = play.run(check=True)
    done = play.create()
    assert planned.changed and planned["diff"] == done["diff"]
    assert [diff["before_header"] for diff in done["diff"]] == play.case.creates
    play.settled()


@cases(lambda case: case.change)
def test_changed_once_and_just_that_is_shown(play: Play) -> None:
    if play.refused():
        return
    play.create()
    assert play.same_twice(**play.case.change).after == play.case.changes


@cases(lambda case: case.absent)
def test_taken_away_once(play: Play) -> None:
    play.create()
    play.run(**play.case.change)
    done = play.same_twice(**play.case.absent or {})
    assert [diff["after"] for diff in done["diff"]] == [{}] and done["diff"][0]["after_header"].endswith(" (deleted)")


@cases(lambda case: case.ambiguous)
def test_two_of_one_name_are_told_and_neither_is_touched(play: Play) -> None:
    play.create()
    assert play.case.ambiguous
    play.case.ambiguous(play.immich.db)
    before = len(play.immich.server.mutations)
    for check in (True, False):
        message = play.run(check=check, **play.case.ambiguous_with).message
        assert play.case.says in message and message.endswith(".")
    assert play.immich.server.mutations[before:] == []


@pytest.fixture
def set_up(dialect: str, tmp_path: Path, run_module: Run) -> Iterator[Immich]:
    """A server with one library."""
    (tmp_path / "photos").mkdir()
    with Server(dialect, {"/mnt/photos": tmp_path / "photos"}, tmp_path) as server:
        immich = Immich(server, "", run_module)
        assert immich.log_in("admin").changed
        immich.key = immich.log_in("api_key", name="tests", permissions=["all"])["secret"]
        with_library(immich)
        server.requests.clear()
        yield immich


def test_what_only_reads_finds_the_same_in_check_mode_and_changes_nothing(set_up: Immich) -> None:
    for name, (options, right, since) in READS.items():
        for check in (True, False):
            result = set_up.run(name, check=check, **options)
            if set_up.server.running.version < dialects.parse(since or "0.0.0"):
                assert f"it takes v{since} or later" in result.message
            else:
                assert right(result) and not result.changed and result["diff"] == [], result.output
    assert set_up.server.mutations == []
