# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What guards share through a ConfigMap: what one has braked, another knows of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils import pod_api
from ansible_collections.homelab.immich.plugins.module_utils.guard import shared
from ansible_collections.homelab.immich.plugins.module_utils.guard.shared import ConfigMap
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError, Unreachable

TODAY, BEFORE = ({"since": f"2026-11-{day}T03:00:00+00:00", "settings": {}} for day in ("21", "20"))
ENTRY = {"at": "2026-11-21T03:00:00+00:00", "library": "NAS photos", "owner": "", "outcome": "scanned", "message": "done", "trashed": 0}
MEMORY = "/api/v1/namespaces/immich/configmaps/immich-guard-memory"


class Cluster:
    """One ConfigMap, as the Kubernetes API keeps it."""

    def __init__(self) -> None:
        self.live: dict[str, Any] | None = {"metadata": {"name": "immich-guard-memory", "resourceVersion": "1", "labels": {"a": "b"}}}
        self.asked: list[tuple[str, str]] = []
        self.refuse: dict[str, int] = {}
        self.meanwhile: list[tuple[str, str]] = []  # what somebody else writes before the next change arrives

    def call(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        self.asked.append((method, path))
        if method in self.refuse:
            return self.refuse[method], {"message": "not allowed"}
        if method == "GET":
            return (200, json.loads(json.dumps(self.live))) if self.live else (404, {"message": "not found"})
        if self.meanwhile:
            self.put(*self.meanwhile.pop(0))
        if method == "PUT" and self.live and body and body["metadata"]["resourceVersion"] != self.live["metadata"]["resourceVersion"]:
            return 409, {"message": "the object has been modified"}
        assert body is not None
        self.live = json.loads(json.dumps(body))
        self.put()
        return (200 if method == "PUT" else 201), self.live

    def put(self, name: str = "", text: str = "") -> None:
        assert self.live is not None
        version = int(self.live["metadata"].get("resourceVersion", 0)) + 1
        self.live["metadata"]["resourceVersion"] = str(version)
        if name:
            self.live.setdefault("data", {})[name] = text


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def states(cluster: Cluster, tmp_path: Path) -> tuple[State, State]:
    """A guard in the cluster and a playbook: each with a folder of its own."""
    pod, control = (State(str(tmp_path / name), ConfigMap(cluster.call, "immich", "immich-guard-memory")) for name in ("pod", "control"))
    return pod, control


def test_what_one_guard_braked_another_knows_and_releases(cluster: Cluster, states: tuple[State, State]) -> None:
    pod, control = states
    assert control.brake() is None
    pod.set_brake(TODAY)
    assert control.brake() == TODAY
    control.set_brake(None)
    assert pod.brake() is None and cluster.live is not None and cluster.live["metadata"]["labels"] == {"a": "b"}


def test_records_of_all_guards_are_one_list(states: tuple[State, State]) -> None:
    for number, state in enumerate((*states, *states)):
        state.record(ENTRY | {"number": number})
    assert [entry["number"] for entry in states[0].records()] == [0, 1, 2, 3]


def test_records_fit_into_a_configmap(cluster: Cluster, states: tuple[State, State]) -> None:
    for number in range(60):
        states[0].record(ENTRY | {"number": number, "message": "x" * 20_000})
    assert cluster.live is not None and sum(map(len, cluster.live["data"].values())) < 600_000
    assert states[0].records()[-1]["number"] == 59 and len(states[0].records()) > 10


def test_the_lists_of_files_stay_in_the_folder(cluster: Cluster, states: tuple[State, State]) -> None:
    facts = {"visible": 1, "trashed": 0, "total": 1, "refreshed_at": None, "import_paths": [], "at": "now"}
    states[0].remember("id", facts)
    assert states[0].last("id") == facts and states[1].last("id") is None and cluster.asked == []


def test_a_change_of_another_key_at_the_same_moment_is_kept(cluster: Cluster, states: tuple[State, State]) -> None:
    cluster.meanwhile = [("records.jsonl", json.dumps(ENTRY | {"number": 7}))]
    states[0].set_brake(TODAY)
    assert states[0].brake() == TODAY and states[1].records() == [ENTRY | {"number": 7}]


def test_a_brake_that_another_guard_sets_at_the_same_moment_is_not_written_over(cluster: Cluster, states: tuple[State, State]) -> None:
    assert states[0].brake() is None
    cluster.meanwhile = [("brake.json", json.dumps(BEFORE))]
    with pytest.raises(ImmichError, match="Another guard has changed brake.json"):
        states[0].set_brake(TODAY)
    assert states[0].brake() == BEFORE


def test_a_configmap_that_is_missing_is_made(cluster: Cluster, states: tuple[State, State]) -> None:
    cluster.live = None
    assert states[0].brake() is None and states[0].records() == []
    states[0].set_brake(TODAY)
    assert states[1].brake() == TODAY and cluster.asked[-2] == ("POST", MEMORY.rpartition("/")[0])


@pytest.mark.parametrize(("method", "says"), [("GET", "Could not read brake.json of ConfigMap"), ("PUT", "Could not write brake.json of ConfigMap")])
def test_a_refusal_names_object_and_status(cluster: Cluster, states: tuple[State, State], method: str, says: str) -> None:
    cluster.refuse = {method: 403}
    with pytest.raises(ImmichError, match=f"{says} immich/immich-guard-memory: 403 not allowed"):
        states[0].set_brake({})


def test_a_brake_that_cannot_be_read_is_no_brake_that_is_not_set(cluster: Cluster, states: tuple[State, State]) -> None:
    cluster.put("brake.json", "{")
    with pytest.raises(ImmichError, match="cannot be read; put the settings back by hand"):
        states[0].brake()


@pytest.fixture
def account(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The account of a pod, and the API server that it leads to; without TLS, which tests/unit/module_utils holds."""
    seen, kinds = [], []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            seen.append((self.command, self.path, self.headers["authorization"]))
            kinds.append(self.headers["content-type"])
            length = int(self.headers["content-length"] or 0)
            status, body = cluster.call(self.command, self.path.partition("?")[0], json.loads(self.rfile.read(length)) if length else None)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_PATCH = answer

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    for name, text in {"namespace": "immich", "token": "t0ken\n", "ca.crt": ""}.items():
        (tmp_path / name).write_text(text)
    real = pod_api.HttpTransport
    monkeypatch.setattr(pod_api, "HttpTransport", lambda url, ca_cert: real(url.replace("https", "http")))
    cluster.seen, cluster.kinds = seen, kinds  # type: ignore[attr-defined]
    yield {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.server_port)}
    server.shutdown()
    server.server_close()


def test_a_pod_uses_its_own_account_and_writes_under_its_own_name(tmp_path: Path, cluster: Cluster, account: dict[str, str]) -> None:
    store = shared.in_cluster("immich-guard-memory", tmp_path, account)
    store.write("brake.json", "{}")
    (tmp_path / "token").write_text("renewed")
    assert store.read("brake.json") == "{}"
    asked = cluster.seen  # type: ignore[attr-defined]
    assert asked[1] == ("PUT", f"{MEMORY}?fieldManager=homelab.immich-guard", "Bearer t0ken")
    assert asked[-1] == ("GET", MEMORY, "Bearer renewed")


def test_a_part_of_an_object_is_sent_as_a_merge_patch(tmp_path: Path, cluster: Cluster, account: dict[str, str]) -> None:
    call, namespace = pod_api.pod_api(tmp_path, account)
    assert namespace == "immich" and call("PATCH", MEMORY, {"metadata": {"labels": {"a": "c"}}})[0] == 201
    assert cluster.seen[0][:2] == ("PATCH", f"{MEMORY}?fieldManager=homelab.immich-guard")  # type: ignore[attr-defined]
    assert cluster.kinds == ["application/merge-patch+json"]  # type: ignore[attr-defined]


def test_an_api_that_is_away_is_waited_for_as_the_server_is(tmp_path: Path, account: dict[str, str]) -> None:
    store = shared.in_cluster("immich-guard-memory", tmp_path, account | {"KUBERNETES_SERVICE_PORT": "9"})
    with pytest.raises(Unreachable, match="The Kubernetes API at https://127.0.0.1:9 does not answer"):
        store.read("brake.json")


def test_outside_of_a_pod_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImmichError, match="does not run in a pod"):
        shared.in_cluster("immich-guard-memory", tmp_path / "none", {})


EARLIER = {"since": "2026-11-01T03:00:00+00:00", "why": "NAS", "settings": {"library.scan.enabled": {"before": True, "set": False}}}


def test_a_brake_of_before_there_was_a_shared_memory_moves_into_it_and_is_never_lost(cluster: Cluster, tmp_path: Path) -> None:
    State(str(tmp_path / "control")).set_brake(EARLIER)
    state = State(str(tmp_path / "control"), ConfigMap(cluster.call, "immich", "immich-guard-memory"))
    assert state.brake() == EARLIER and (tmp_path / "control" / "brake.json").exists()  # who only reads moves nothing
    cluster.refuse = {"PUT": 500}
    with pytest.raises(ImmichError):
        state.set_brake(state.brake())
    assert State(str(tmp_path / "control")).brake() == EARLIER  # not before it has arrived
    cluster.refuse = {}
    state.set_brake(state.brake())
    assert not (tmp_path / "control" / "brake.json").exists()
    assert State(str(tmp_path / "pod"), ConfigMap(cluster.call, "immich", "immich-guard-memory")).brake() == EARLIER
    state.set_brake(None)
    assert state.brake() is None


def test_of_two_brakes_the_older_one_has_seen_the_settings_as_they_were(states: tuple[State, State], tmp_path: Path) -> None:
    """The one that was set later has seen those of the first."""
    changed = {"library.scan.enabled": {"before": False, "set": False}, "x": {"before": 1, "set": 2}}
    later = {"since": "2026-11-02T03:00:00+00:00", "why": "again", "settings": changed}
    states[0].set_brake(later)
    State(str(tmp_path / "control")).set_brake(EARLIER)
    brake = states[1].brake()
    assert brake is not None and brake["settings"] == {**EARLIER["settings"], "x": {"before": 1, "set": 2}} and brake["why"] == "NAS"
    states[1].set_brake(None)
    assert states[0].brake() is None and states[1].brake() is None
