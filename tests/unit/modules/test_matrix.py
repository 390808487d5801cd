# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module on each version of Immich: create, no change, check mode, diff, change, absent, ambiguity. A new module is a line in CASES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.rehearsal.immich.dialects import DIALECTS
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from module_runner import Result, Run

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
    # the server was never set up
    fresh: bool = False


def twice(kind: str, **differs: Any) -> Callable[[Any], None]:
    """Store another of the same name, as two people at two browsers may."""

    def store(db: Any) -> None:
        item = list(db[kind].values())[-1]
        db[kind]["00000000-0000-4000-8000-000000000000"] = {**item, "id": "00000000-0000-4000-8000-000000000000", **differs}

    return store


CASES = [
    Case("admin", SESSION, ["administrator admin@example.net", "first-run wizard"], fresh=True),
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
        "scan_schedule",
        {},
        ["system settings"],
        change={"enabled": True, "cron": "5 4 * * *"},
        changes={"system settings": {"library.scan.enabled": True, "library.scan.cronExpression": "5 4 * * *"}},
    ),
    Case(
        "system_config",
        {"settings": {"trash": {"days": 60}}},
        ["system settings"],
        change={"settings": {"trash": {"days": 90}}},
        changes={"system settings": {"trash.days": 90}},
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

    def settled(self) -> None:
        before = len(self.immich.server.mutations)
        for check in (True, False):
            again = self.run(check=check)
            assert not again.changed and again["diff"] == []
        assert self.immich.server.mutations[before:] == []


@pytest.fixture(params=DIALECTS)
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
        yield Play(case, immich, dict(case.create))


def cases(wanted: Callable[[Case], Any]) -> Any:
    chosen = [case for case in CASES if wanted(case)]
    return pytest.mark.parametrize("play", chosen, ids=[case.module for case in chosen], indirect=True)


@cases(lambda case: True)
def test_created_once_and_check_mode_said_so(play: Play) -> None:
    planned = play.run(check=True)
    done = play.create()
    assert planned.changed and planned["diff"] == done["diff"]
    assert [diff["before_header"] for diff in done["diff"]] == play.case.creates
    play.settled()


@cases(lambda case: case.change)
def test_changed_once_and_just_that_is_shown(play: Play) -> None:
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
