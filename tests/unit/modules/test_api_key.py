# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API keys, on a server."""

from __future__ import annotations

import base64
import http.server
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich import versions

KEY = {"name": "ansible", "purposes": ["libraries", "settings"]}


def make(immich: Any, **options: Any) -> str:
    return immich.log_in("api_key", **{**KEY, **options})["secret"]


def tells(immich: Any) -> bool:
    """Whether the server tells a key what it may do. Otherwise only the key's owner can see it, in a session."""
    return immich.server.running.version >= (1, 136, 0)


def names(immich: Any) -> list[str]:
    return sorted(key["name"] for key in immich.db["api_keys"].values())


def test_a_key_gets_exactly_the_permissions_that_this_version_needs(immich: Any) -> None:
    result = immich.log_in("api_key", **KEY)
    assert result.changed and result["secret"]
    assert result["permissions"] == versions.permissions(immich.server.instance.version, KEY["purposes"])
    assert immich.run("library_info", api_key=result["secret"])["libraries"] == []
    assert immich.run("system_config", api_key=result["secret"], settings={"trash": {"days": 45}}).changed
    assert "user.create" in immich.run(
        "user", api_key=result["secret"], users=[{"email": "a@example.net", "name": "A", "password": "secret-123"}]
    ).message.replace("adminU", "u")


def test_a_valid_key_is_kept_without_a_session(immich: Any) -> None:
    secret = make(immich)
    immich.server.requests.clear()
    result = immich.log_in("api_key", api_key=secret, **KEY)
    assert not result.changed and "secret" not in result.data
    assert any("/auth/" in request.path for request in immich.server.requests) != tells(immich)


def test_check_mode_says_the_same_and_changes_nothing(immich: Any) -> None:
    planned = immich.log_in("api_key", check=True, **KEY)
    assert planned.changed and "secret" not in planned.data and "ansible" not in names(immich)
    secret = make(immich)
    assert not immich.log_in("api_key", check=True, api_key=secret, **KEY).changed
    assert immich.log_in("api_key", check=True, api_key=secret, name="ansible", purposes=["users"]).changed
    assert immich.log_in("api_key", check=True, api_key="stale", **KEY).changed
    assert immich.log_in("api_key", check=True, name="ansible", state="absent").changed


def test_permissions_that_changed_are_put_right_and_the_secret_stays(immich: Any) -> None:
    secret = make(immich, purposes=["libraries"])
    result = immich.log_in("api_key", api_key=secret, **KEY)
    assert result.changed and "secret" not in result.data and "systemConfig.read" in result.after['API key "ansible"']["permissions"]
    assert not immich.log_in("api_key", api_key=secret, **KEY).changed


def test_a_key_that_may_too_much_is_reduced(immich: Any) -> None:
    secret = immich.log_in("api_key", name="ansible", permissions=["all"])["secret"]
    assert immich.log_in("api_key", api_key=secret, **KEY).changed
    assert "Missing required permission" in immich.run("user", api_key=secret, users=[{"email": "admin@example.net", "name": "X"}]).message


def test_a_key_for_something_else_is_never_taken_for_this_one(immich: Any) -> None:
    other = immich.log_in("api_key", name="mine", permissions=["all"])["secret"]
    for check in (True, False):
        result = immich.log_in("api_key", check=check, api_key=other, rotate=True, **KEY)
        # a server that does not say which key it is makes another
        assert result.failed == tells(immich) and (not tells(immich) or 'is named "mine", not "ansible"; give the one' in result.message)
    assert immich.log_in("api_key", api_key="", replace_lost=True, **KEY)["secret"] and names(immich) == ["ansible", "mine", "tests"]
    assert immich.run("library_info", api_key=other)["libraries"] == []


@pytest.mark.parametrize("nothing", [{"purposes": []}, {"permissions": []}])
def test_a_key_without_a_permission_is_refused(immich: Any, nothing: dict[str, Any]) -> None:
    assert "name at least one of purposes or permissions" in immich.log_in("api_key", name="ansible", **nothing).message


def test_a_stored_key_that_is_invalid_is_replaced_and_the_old_one_of_that_name_goes(immich: Any) -> None:
    make(immich)
    result = immich.log_in("api_key", api_key="stale", **KEY)
    assert result.changed and result["secret"] and names(immich) == ["ansible", "tests"]
    assert [diff["after_header"] for diff in result["diff"]] == ['API key "ansible" (deleted)', 'API key "ansible" (created)']
    assert not immich.log_in("api_key", api_key=result["secret"], **KEY).changed


def test_a_key_whose_secret_is_lost_is_replaced_only_when_that_is_said(immich: Any) -> None:
    make(immich)
    immich.server.requests.clear()
    assert "set replace_lost: true" in immich.log_in("api_key", **KEY).message and not immich.server.mutations
    assert immich.log_in("api_key", **KEY, replace_lost=True)["secret"] and names(immich) == ["ansible", "tests"]


def test_a_key_is_rotated_every_time_that_is_said_and_keeps_its_name_and_permissions(immich: Any) -> None:
    old = make(immich)
    before = next(key for key in immich.db["api_keys"].values() if key["name"] == "ansible")
    planned = immich.log_in("api_key", check=True, api_key=old, rotate=True, **KEY)
    result = immich.log_in("api_key", api_key=old, rotate=True, **KEY)
    assert planned.changed and planned["diff"] == result["diff"] and result.after == {'API key "ansible"': {"secret": "(hidden) new"}}
    assert result["secret"] != old and names(immich) == ["ansible", "tests"] and not immich.db["sessions"]
    (key,) = [key for key in immich.db["api_keys"].values() if key["name"] == "ansible"]
    assert key["permissions"] == before["permissions"] and result["id"] == key["id"]
    assert not immich.log_in("api_key", api_key=result["secret"], **KEY).changed
    assert "Invalid API key" in immich.run("library_info", api_key=old).message
    assert "give email and password" in immich.run("api_key", api_key=result["secret"], rotate=True, **KEY).message


def test_two_keys_of_one_name_are_listed_never_guessed(immich: Any) -> None:
    make(immich)
    keys = immich.db["api_keys"]
    key = next(key for key in keys.values() if key["name"] == "ansible")
    keys["another"] = {**key, "id": "00000000-0000-4000-8000-000000000000"}
    message = immich.log_in("api_key", **KEY, replace_lost=True).message
    assert "2 keys of that name" in message and key["id"] in message


def test_a_key_from_elsewhere_needs_no_password_and_may_do_more(immich: Any) -> None:
    assert not immich.run("api_key", **KEY).changed
    small = immich.log_in("api_key", name="small", permissions=["library.read"])["secret"]
    if not tells(immich):
        assert "is taken as it is" in immich.run("api_key", api_key=small, **KEY).warnings[0]
        return
    message = immich.run("api_key", api_key=small, **KEY).message
    assert "lacks the permissions" in message and "systemConfig.update" in message and "library.read," not in message


def test_without_any_credentials_it_says_what_to_give(immich: Any) -> None:
    assert "give email and password" in immich.run("api_key", api_key=None, **KEY).message
    assert "does not accept the API key; give email and password" in immich.run("api_key", api_key="stale", **KEY).message


def test_a_key_is_deleted_once(immich: Any) -> None:
    make(immich)
    assert immich.log_in("api_key", name="ansible", state="absent").changed and names(immich) == ["tests"]
    assert not immich.log_in("api_key", name="ansible", state="absent").changed


def test_sessions_do_not_pile_up(immich: Any) -> None:
    make(immich)
    assert not immich.db["sessions"]


def test_a_server_that_is_too_old_is_told(immich: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(versions, "OLDEST", versions.Version(9, 0, 0))
    assert "is older than v9.0.0" in immich.log_in("api_key", **KEY).message


def test_a_newer_server_is_a_warning(immich: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(versions, "NEWEST", versions.Version(1, 135, 0))
    result = immich.log_in("api_key", **KEY)
    assert result.changed and "newer than any this collection knows" in result.warnings[0]


# --- kept in a Secret


@dataclass
class Cluster:
    """A Kubernetes API with Secrets, and nothing else."""

    secrets: dict[str, str]
    verbs: list[str]
    options: dict[str, str]
    broken: bool = False
    read_only: bool = False


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A Kubernetes API in a thread, and the options that reach it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.handle_secret()

        do_PATCH = do_GET

        def handle_secret(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "{}")
            name = self.path.partition("?")[0].rpartition("/")[2]
            state.verbs.append(self.command)
            if self.command == "PATCH" and not (state.broken or state.read_only):
                state.secrets[name] = base64.b64decode(body["data"]["key"]).decode()
            found = name in state.secrets and not state.broken
            answer = (
                {"kind": "Secret", "data": {"key": base64.b64encode(state.secrets[name].encode()).decode()}} if found else {"kind": "Status", "message": "no"}
            )
            self.send_response(200 if found else 403 if state.broken else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_args: object) -> None:
            """Keep the output of the module alone on stdout and stderr."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "contexts": [{"name": "homelab", "context": {"cluster": "c"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    state = Cluster({}, [], {"kubeconfig": str(tmp_path / "kubeconfig"), "context": "homelab", "rehearsal": True, "store": "immich-api-key"})
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_key_is_kept_in_the_cluster_and_found_again(immich: Any, cluster: Cluster) -> None:
    result = immich.log_in("api_key", **KEY, **cluster.options)
    assert result.changed and cluster.secrets == {"immich-api-key": result["secret"]}
    immich.server.requests.clear()
    again = immich.log_in("api_key", **KEY, **cluster.options)
    assert not again.changed and again["secret"] == result["secret"]
    assert any("/auth/" in request.path for request in immich.server.requests) != tells(immich)


def test_a_key_that_the_cluster_lost_is_replaced(immich: Any, cluster: Cluster) -> None:
    for stored in ({}, {"immich-api-key": "stale"}, {"immich-api-key": "é no key"}):
        old = immich.log_in("api_key", **KEY, **cluster.options)["secret"]
        cluster.secrets = dict(stored)
        result = immich.log_in("api_key", **KEY, **cluster.options)
        assert result.changed and result["secret"] not in (old, "stale") and cluster.secrets["immich-api-key"] == result["secret"]
        assert names(immich) == ["ansible", "tests"]


def test_check_mode_only_reads_the_cluster(immich: Any, cluster: Cluster) -> None:
    assert immich.log_in("api_key", check=True, **KEY, **cluster.options).changed
    cluster.secrets["immich-api-key"] = immich.key
    assert immich.log_in("api_key", check=True, **{**KEY, "name": "tests"}, **cluster.options).changed, "that key may do more"
    assert set(cluster.verbs) == {"GET"}


def test_a_cluster_that_refuses_is_told(immich: Any, cluster: Cluster) -> None:
    cluster.broken = True
    assert immich.log_in("api_key", **KEY, **cluster.options).message == "Could not read the API key from the Secret immich/immich-api-key: no."
    assert not immich.server.mutations


def test_a_key_that_could_not_be_kept_is_replaced_by_the_next_run(immich: Any, cluster: Cluster) -> None:
    cluster.read_only = True
    message = immich.log_in("api_key", **KEY, **cluster.options).message
    assert "could not be kept in the Secret immich/immich-api-key: no; the next run replaces it. Done before that: API key" in message
    cluster.read_only = False
    assert immich.log_in("api_key", **KEY, **cluster.options)["secret"] == cluster.secrets["immich-api-key"]
    assert names(immich) == ["ansible", "tests"]


def test_a_key_given_by_hand_wins_over_the_one_in_the_cluster(immich: Any, cluster: Cluster) -> None:
    cluster.secrets["immich-api-key"] = "stale"
    result = immich.run("api_key", **KEY, **cluster.options)
    assert not result.changed and "secret" not in result.data and cluster.secrets == {"immich-api-key": "stale"}


def test_a_key_for_a_program_elsewhere_is_kept_where_that_runs(immich: Any, cluster: Cluster) -> None:
    cluster.read_only = True
    message = immich.log_in("api_key", **KEY, **cluster.options, store_namespace="home").message
    assert "could not be kept in the Secret home/immich-api-key: no;" in message


def test_the_key_of_a_dashboard_reads_its_numbers_and_nothing_else(immich: Any) -> None:
    key = immich.log_in("api_key", name="homepage", purposes=["dashboard"])["secret"]

    def status(path: str) -> int:
        request = urllib.request.Request(f"{immich.server.url}/api{path}", headers={"x-api-key": key})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert status("/server/statistics") == 200
    assert {status("/admin/users"), status("/libraries"), status("/system-config")} == {403}
