# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all Immich modules share: connection options, errors for people, no secret anywhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.homelab.immich.plugins.doc_fragments import connection
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import CONNECTION_SPEC

from .cases import GOOD, MODULES, case, ways

each_module = pytest.mark.parametrize("name", MODULES)


def sources(checkout: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted((checkout / "plugins" / "modules").glob("*.py"))}


# --- every module is tested


def test_the_immich_modules_are_those_of_the_action_group(checkout: Path) -> None:
    on_the_helper = {name for name, text in sources(checkout).items() if "ImmichModule" in text}
    group = yaml.safe_load((checkout / "meta" / "runtime.yml").read_text())["action_groups"]["immich"]
    assert on_the_helper == set(group) == set(MODULES)


@each_module
def test_an_immich_module_has_a_check_mode_test_and_an_idempotence_test(checkout: Path, name: str) -> None:
    path = checkout / "tests" / "unit" / "modules" / f"test_{name}.py"
    assert path.is_file(), f"{name} has no test"
    tests = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    text = {test.name: ast.unparse(test) for test in tests}
    assert any("check=True" in body for body in text.values()), f"{name} has no test in check mode"
    assert any(re.search(r"assert not \w+(\.changed|\.run\()", body) for body in text.values()), f"{name} has no test of a second run"


def test_every_other_module_is_tested_somewhere(checkout: Path) -> None:
    """By a test that names it, or as a task of site.yml, all of which the acceptance tests run."""
    tests = [path for path in (checkout / "tests").rglob("*.py") if path.name != Path(__file__).name]
    text = "\n".join(path.read_text() for path in [*tests, *(checkout / "roles").glob("*/tasks/*.yml"), checkout / "playbooks" / "site.yml"])
    assert (checkout / "tests" / "acceptance" / "test_site.py").is_file()
    assert [name for name in sources(checkout) if name not in MODULES and not re.search(rf"\b{name}\b", text)] == []


# --- connection


def test_the_connection_options_are_documented_as_they_are() -> None:
    documented = yaml.safe_load(connection.ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(documented) == set(CONNECTION_SPEC)
    for name, spec in CONNECTION_SPEC.items():
        assert (documented[name]["type"], documented[name].get("default")) == (spec["type"], spec.get("default")), name


@each_module
def test_without_an_address_it_says_what_to_give(run_module: Any, name: str) -> None:
    assert "give url, or context" in run_module(name, **MODULES[name]).message


@each_module
@pytest.mark.parametrize("where", [{"url": "http://192.0.2.1"}, {}, {"kubeconfig": "/nonexistent", "context": "homelab"}])
def test_a_rehearsal_leaves_this_machine_by_no_way(run_module: Any, name: str, where: dict[str, str]) -> None:
    assert "this is a rehearsal" in run_module(name, rehearsal=True, api_key="k", **where, **MODULES[name]).message


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_that_is_no_time_is_told(run_module: Any, timeout: int) -> None:
    assert run_module("server_info", url="http://127.0.0.1:1", timeout=timeout).message == f"timeout is {timeout}; give a number of seconds from 1."


def test_the_environment_fills_in_what_is_not_given_at_all(immich: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMICH_URL", immich.server.url)
    monkeypatch.setenv("IMMICH_API_KEY", immich.key)
    assert immich.run_module("library_info")["libraries"] == []
    assert "give url, or context" in immich.run_module("library_info", url=None).message


def test_without_credentials_it_says_what_to_give(immich: Any) -> None:
    assert "give api_key, or email and password" in immich.run("library_info", api_key=None).message


def test_a_session_serves_where_there_is_no_key_and_is_ended(immich: Any) -> None:
    assert immich.log_in("library_info")["libraries"] == [] and immich.log_in("library_info", check=True)["libraries"] == []
    assert not immich.db["sessions"]
    immich.log_in("library", name="x", owner="nobody@example.net", import_paths=["/x"])
    assert not immich.db["sessions"], "ended after an error too"


def test_through_the_address_of_the_service_proxy(immich: Any) -> None:
    url = f"{immich.server.url}/api/v1/namespaces/immich/services/immich-server:2283/proxy"
    assert immich.run("library_info", url=url)["libraries"] == []
    assert immich.log_in("scan_schedule", url=url).changed


# --- errors


@each_module
def test_a_server_that_is_not_there_is_told_in_one_sentence(run_module: Any, name: str) -> None:
    message = run_module(name, url="http://127.0.0.1:9", api_key="some-key", **MODULES[name]).message
    assert message.startswith("Could not ") and "connection refused" in message and "check the address" in message


def test_an_unknown_permission_of_the_key_is_named(immich: Any) -> None:
    key = immich.log_in("api_key", name="small", permissions=["library.read"])["secret"]
    assert re.search("Missing required permission: admin(U|.u)ser.read", immich.run("library_info", api_key=key).message)


BODIES = [
    None,
    True,
    0,
    -1.5,
    "text",
    {},
    [None],
    [[]],
    [1, "x"],
    [{}],
    {"id": 1},
    [{"id": None}],
    [{"id": "x", "name": 3}],
    {"message": [None]},
    [{"id": "x"} for _entry in range(50)],
]


SECRETS = {"api_key": "k3y-nobody-may-see", "email": "a@example.net", "password": "pass-nobody-may-see"}


@each_module
@pytest.mark.parametrize("status", [200, 400])
def test_a_strange_answer_is_an_error_for_a_person(scripted: Any, run_module: Any, clock: None, name: str, status: int) -> None:
    for body in BODIES:
        with case(body=body):
            scripted.say(body, status=status)
            result = run_module(name, url=scripted.url, **SECRETS, **MODULES[name])
            assert result.message.endswith(".") and "nobody-may-see" not in result.output, result.output


def spoiled(value: Any) -> list[Any]:
    """Make variants of a good answer, each with one part missing, null or of another kind."""
    if isinstance(value, dict):
        variants = [{other: value[other] for other in value if other != key} for key in value]
        return [*variants, *({**value, key: part} for key in value for part in (None, 7, [], {}, "x", *spoiled(value[key])))]
    if isinstance(value, list):
        return [[part, *value[1:]] for item in value[:1] for part in (None, 7, [], {}, *spoiled(item))]
    return []


@each_module
def test_an_answer_with_one_part_spoiled_never_ends_in_a_traceback(scripted: Any, run_module: Any, clock: None, name: str) -> None:
    for options in ways(name):
        scripted.route, scripted.seen = GOOD, []
        run_module(name, url=scripted.url, **SECRETS, **options)
        asked = {(method, path.partition("?")[0]) for method, path, _headers, _body in scripted.seen}
        routes = {route for method, path in asked for route in (f"{method} {path}", path) if route in GOOD}
        assert routes, "else nothing is tested"
        for route in sorted(routes):
            for variant in spoiled(GOOD[route]):
                with case(options=options, route=route, variant=variant):
                    scripted.route = GOOD | {route: variant}
                    result = run_module(name, url=scripted.url, **SECRETS, **options)
                    assert not result.failed or (result.message.endswith(".") and "Error:" not in result.message), result.output


# --- secrets


def test_no_argument_goes_to_syslog(immich: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[Any] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(basic.syslog, "syslog", lambda *args: logged.append(args))
    immich.run("system_config", settings={"oauth": {"clientSecret": "oauth-nobody-may-see"}})
    immich.run("user", users=[{"email": "a@example.net", "name": "A", "password": "pass-nobody-may-see"}])
    assert logged == []


@pytest.mark.parametrize("check", [True, False])
def test_no_secret_is_printed_whatever_happens(immich: Any, check: bool) -> None:
    secrets = ["pass-nobody-may-see", "oauth-nobody-may-see", "login-nobody-may-see", immich.key]
    calls: list[Callable[[], Any]] = [
        lambda: immich.run("user", check=check, users=[{"email": "a@example.net", "name": "A", "password": secrets[0]}]),
        lambda: immich.run("system_config", check=check, settings={"oauth": {"clientSecret": secrets[1], "enabled": True}, "trash": {"days": 9}}),
        lambda: immich.log_in("admin", check=check, password=secrets[2]),
        lambda: immich.log_in("library_info", check=check, password=secrets[2]),
        lambda: immich.run("api_key", check=check, name="tests", permissions=["library.read"]),
        lambda: immich.run("system_config", check=check, settings={"oauth": {"clientSecret": secrets[1]}, "unknown": {"password": secrets[0]}}),
    ]
    for call in calls:
        output = call().output
        assert not [secret for secret in secrets if secret in output]
