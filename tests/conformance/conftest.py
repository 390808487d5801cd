# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
One suite of outcomes, against the stand-in in every dialect, or against a real server (docs/conformance.md).

It refuses a server that holds anything which it did not make, and removes what it made.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich import waiting
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from module_runner import Result, Run, run_module

__all__ = ["run_module"]  # a fixture

DIALECTS = ["1.135.3", "2.0.0", "2.4.1", "2.5.5", "2.7.5", "3.0.0", "3.1.0", "3.3.5"]
REAL = {name: os.environ.get(f"IMMICH_{name}", "") for name in ("URL", "ADMIN_EMAIL", "ADMIN_PASSWORD", "TEST_ROOT")}
MARK = "homelab.immich conformance"  # in the name of everything that the suite makes
DOMAIN = "@conformance.example.net"
FOLDER = "homelab-immich-conformance"  # below IMMICH_TEST_ROOT


@dataclass
class Immich:
    """A server with an administrator, and what a person would look at to see how it is."""

    url: str
    email: str
    password: str
    photos: Path  # the same path here and in the server; all of it is the suite's
    run_module: Run
    server: Server | None = None  # the stand-in; None for a real server
    key: str = ""
    mark: str = MARK
    session: str = ""
    made: list[str] = field(default_factory=list)  # addresses of users

    def run(self, module: str, /, *, check: bool = False, **options: Any) -> Result:
        """Run a module with the key. In check mode the stand-in counts requests that change something: there may be none."""
        before = len(self.server.mutations) if self.server else 0
        result = self.run_module(module, check=check, **{"url": self.url, "api_key": self.key, **options})
        if check and self.server:
            assert self.server.mutations[before:] == []
        return result

    def logged_in(self, module: str, /, **options: Any) -> Result:
        return self.run(module, **{"api_key": None, "email": self.email, "password": self.password, **options})

    # -- looking at the server without the code that is tested

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {self.session}"} if self.session else {})
        request = Request(f"{self.url}/api{path}", method=method, headers=headers, data=None if body is None else json.dumps(body).encode())
        with urlopen(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None

    @property
    def version(self) -> tuple[int, ...]:
        answer = self.ask("GET", "/server/version")
        return answer["major"], answer["minor"], answer["patch"]

    @property
    def users(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/admin/users?withDeleted=true")

    @property
    def libraries(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/libraries")

    @property
    def config(self) -> dict[str, Any]:
        return self.ask("GET", "/system-config")

    def assets(self) -> tuple[int, int]:
        """How many assets of the administrator are there, and how many are in the trash."""
        me = self.ask("GET", "/users/me")["id"]
        here, trashed = (self.ask("GET", f"/admin/users/{me}/statistics?isTrashed={flag}")["total"] for flag in ("false", "true"))
        return here, trashed

    # -- making things

    def new_email(self) -> str:
        self.made.append(f"{uuid.uuid4().hex[:12]}{DOMAIN}")
        return self.made[-1]

    def photo(self, name: str) -> Path:
        file = self.photos / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\xff\xd8\xff\xe0 " + name.encode())
        return file

    def library(self, **options: Any) -> dict[str, Any]:
        return {"name": MARK, "owner": self.email, "import_paths": [str(self.photos)], **options}

    @staticmethod
    def cannot(result: Result, *words: str) -> NoReturn:
        """This version cannot do it: the module says so, and the table shows a dash."""
        assert all(word in result.message for word in words), result.message
        pytest.skip(result.message)

    # -- before and after

    def refuse_what_is_not_ours(self) -> None:
        """Whoever points this at the family's server must not lose anything. What a run that was cut off left behind is ours, and goes."""
        self.refuse([user["email"] for user in self.users if user["email"] != self.email and not user["email"].endswith(DOMAIN)])
        self.refuse([f'library "{library["name"]}"' for library in self.libraries if not library["name"].startswith(MARK)])
        self.remove_what_is_ours()
        self.refuse([f"{count} assets {where}" for count, where in zip(self.assets(), ("in the timeline", "in the trash"), strict=True) if count])

    def refuse(self, found: list[str]) -> None:
        if found:
            pytest.exit(f"{self.url} holds what this suite did not make ({', '.join(found)}): not touched. Give it a server that was just set up.", 3)

    def remove_what_is_ours(self) -> None:
        libraries = [library for library in self.libraries if library["name"].startswith(MARK)]
        users = [user for user in self.users if user["email"].endswith(DOMAIN)]
        for library in libraries:
            self.ask("DELETE", f"/libraries/{library['id']}")
        for user in users:
            self.ask("DELETE", f"/admin/users/{user['id']}", {"force": True})
        for key in self.ask("GET", "/api-keys"):
            if key["name"].startswith(MARK):
                self.ask("DELETE", f"/api-keys/{key['id']}")
        shutil.rmtree(self.photos, ignore_errors=True)
        ends = time.monotonic() + 60  # a server removes users, and the assets of a library, in the background
        while time.monotonic() < ends and ((libraries and any(self.assets())) or (users and any(user["email"].endswith(DOMAIN) for user in self.users))):
            time.sleep(0.01 if self.server else 0.5)

    def backups(self) -> set[str]:
        """The database backups, of a server that lists them."""
        return {entry["filename"] for entry in self.ask("GET", "/admin/database-backups")["backups"]} if self.version >= (2, 5, 0) else set()

    def restore(self, config: dict[str, Any], backups: set[str]) -> None:
        """Leave the server as it was found."""
        self.remove_what_is_ours()
        if made := sorted(self.backups() - backups):
            self.ask("DELETE", "/admin/database-backups", {"backups": made})
        self.ask("PUT", "/system-config", config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "immich" in metafunc.fixturenames:
        metafunc.parametrize("immich", [REAL["URL"] or dialect for dialect in ([None] if REAL["URL"] else DIALECTS)], indirect=True)


@pytest.fixture
def immich(request: pytest.FixtureRequest, run_module: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Immich]:
    """A server that was set up and holds nothing."""
    if REAL["URL"]:
        yield from ready(real(run_module))
        return
    monkeypatch.setattr(waiting, "POLL_S", 0.01)  # the stand-in's jobs take milliseconds
    tmp_path = request.getfixturevalue("tmp_path")  # only here: it does not bear the pytest.exit of a refusal
    root = tmp_path / "photos"
    root.mkdir()
    with Server(request.param, {str(root): root}, tmp_path) as server:
        immich = Immich(server.url, "admin@example.net", "correct-horse-1", root / FOLDER, run_module, server)
        assert immich.logged_in("admin").changed
        yield from ready(immich)


def real(run_module: Run) -> Immich:
    """The server that the environment names."""
    if missing := [f"IMMICH_{name}" for name, value in REAL.items() if not value]:
        pytest.exit(f"For a real server set also {', '.join(missing)} (docs/conformance.md).", 3)
    root = Path(REAL["TEST_ROOT"])
    if not root.is_absolute() or not os.access(root, os.W_OK):
        pytest.exit(f"IMMICH_TEST_ROOT is {root}, which is no folder that can be written here; give the path of one that the server sees at the same path.", 3)
    return Immich(REAL["URL"].rstrip("/").removesuffix("/api"), REAL["ADMIN_EMAIL"], REAL["ADMIN_PASSWORD"], root / FOLDER, run_module)


def ready(immich: Immich) -> Iterator[Immich]:
    """Look whether it is empty, give a key, and clean up afterwards."""
    try:
        immich.session = immich.ask("POST", "/auth/login", {"email": immich.email, "password": immich.password})["accessToken"]
    except URLError as error:
        pytest.exit(f"Nobody could log in to {immich.url} as {immich.email}: {error}.", 3)
    try:
        immich.refuse_what_is_not_ours()
        config, backups = immich.config, immich.backups()
        immich.photos.mkdir()
        immich.key = immich.logged_in("api_key", name=f"{MARK} {uuid.uuid4().hex[:8]}", permissions=["all"])["secret"]
        try:
            yield immich
        finally:
            immich.restore(config, backups)
    finally:
        immich.ask("POST", "/auth/logout")


# -- behaviour by version, as a table

OUTCOMES: dict[str, dict[str, str]] = defaultdict(dict)
SIGNS = {"passed": "yes", "failed": "NO", "skipped": "-"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    spec = getattr(item, "callspec", None)
    if spec is not None and "immich" in spec.params and (report.when == "call" or report.outcome != "passed"):
        OUTCOMES[(item.function.__doc__ or item.name).strip().splitlines()[0]][spec.params["immich"]] = SIGNS[report.outcome]  # type: ignore[attr-defined]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not OUTCOMES:
        return
    columns = list(dict.fromkeys(version for row in OUTCOMES.values() for version in row))
    width, narrow = max(map(len, OUTCOMES)), max(7, *map(len, columns))
    terminalreporter.section("behaviour by version (yes: as expected; -: this version cannot)")
    terminalreporter.write_line(f"{'':{width}}  " + "  ".join(f"{column:>{narrow}}" for column in columns))
    for outcome, row in OUTCOMES.items():
        terminalreporter.write_line(f"{outcome:{width}}  " + "  ".join(f"{row.get(column, ''):>{narrow}}" for column in columns))
