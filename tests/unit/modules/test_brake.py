# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The brake, set and released by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.plugins.module_utils.immich.settings import flat


@pytest.fixture
def memory(tmp_path: Path) -> str:
    return str(tmp_path / "memory")


def values(immich: Any) -> dict[str, Any]:
    config = immich.db.config if hasattr(immich.db, "config") else immich.server.running.config
    nightly = config.get("nightlyTasks", {}).get("databaseCleanup")
    return {"scan": config["library"]["scan"]["enabled"], "watch": config["library"]["watch"]["enabled"], "cleanup": nightly, "days": config["trash"]["days"]}


def test_it_is_set_once_and_released_to_what_was_there(immich: Any, memory: str) -> None:
    before = values(immich)
    assert immich.run("brake", memory=memory, check=True).changed and not Path(memory).exists()
    assert immich.run("brake", memory=memory).changed
    held = values(immich)
    assert held["scan"] is False and (held["cleanup"] is False if before["cleanup"] is not None else held["days"] == 3650)
    again = immich.run("brake", memory=memory)
    assert not again.changed and again["why"] == "Set by hand." and again["since"]
    assert immich.run("brake", memory=memory, state="released", check=True).changed and values(immich) == held
    assert immich.run("brake", memory=memory, state="released").changed and values(immich) == before
    assert not immich.run("brake", memory=memory, state="released").changed and values(immich) == before


def test_what_somebody_else_changed_meanwhile_is_left_alone(immich: Any, memory: str) -> None:
    immich.run("system_config", settings={"library": {"scan": {"enabled": False}, "watch": {"enabled": True}}})
    immich.run("brake", memory=memory)
    immich.run("system_config", settings={"library": {"watch": {"enabled": True}, "scan": {"cronExpression": "0 5 * * *"}}})
    released = immich.run("brake", memory=memory, state="released")
    assert values(immich)["watch"] is True and values(immich)["scan"] is False
    assert not [name for name in released.after.get("system settings", {}) if name.startswith("library.")]


def test_a_brake_that_was_set_by_half_is_set_whole_and_released_whole(immich: Any, memory: str) -> None:
    before = values(immich)
    immich.server.faults.status(500, on="PUT ")  # it remembers, and then nothing is changed
    assert immich.run("brake", memory=memory).failed and values(immich) == before
    assert immich.run("brake", memory=memory).changed
    assert immich.run("brake", memory=memory, state="released").changed and values(immich) == before


def test_somebody_who_changes_it_back_at_the_same_moment_does_not_win(immich: Any, memory: str) -> None:
    from ansible_collections.homelab.immich.plugins.module_utils.guard import brake

    real, times = brake.settings.ensure, []

    def ensure(api: Any, wanted: Any, **kwargs: Any) -> Any:
        result = real(api, wanted, **kwargs)
        times.append(wanted)
        if len(times) == 1:  # a page of settings that was opened before is saved after
            immich.server.running.config["library"]["scan"]["enabled"] = True
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brake.settings, "ensure", ensure)
        assert immich.run("brake", memory=memory).changed
    assert values(immich)["scan"] is False and len(times) == 3


class Cluster:
    """The memory of the guards and the Deployments, as the Kubernetes API keeps them; a Deployment that changes makes a pod with new settings."""

    def __init__(self, immich: Any, folder: Path, inventory: dict[str, Any]) -> None:
        self.immich, self.folder, self.inventory = immich, folder, inventory
        self.memory: dict[str, Any] | None = None
        self.deployments = {"immich-server": {"metadata": {"name": "immich-server", "generation": 1}, "spec": {"replicas": 1}}}
        self.patched: list[str] = []
        self.ready = True

    def start_pod(self) -> None:
        settings = json.loads(json.dumps(self.inventory))
        for layer in (json.loads((self.memory or {"data": {}})["data"].get("immich.json", "{}")),):
            for name, value in flat(layer):
                group, last = name.rsplit(".", 1)
                place = settings
                for part in group.split("."):
                    place = place.setdefault(part, {})
                place[last] = value
        (self.folder / "media" / "immich.json").write_text(json.dumps(settings))
        self.immich.server.restart()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        name = path.rsplit("/", 1)[-1]
        if "/configmaps" in path:
            if method == "GET":
                return (200, self.memory) if self.memory else (404, {"message": "not found"})
            self.memory = body | {"metadata": body["metadata"] | {"resourceVersion": str(time.monotonic_ns())}}
            return 200, self.memory
        if name not in self.deployments:
            return 404, {"message": f'deployments "{name}" not found'}
        live = self.deployments[name]
        if method == "PATCH":
            self.patched.append(name)
            meta, marks = live["metadata"], body.get("metadata", {}).get("annotations", {})
            meta["annotations"] = {key: value for key, value in (meta.get("annotations", {}) | marks).items() if value is not None}
            meta["generation"] += 1
            live["spec"] |= {key: value for key, value in body["spec"].items() if key == "replicas"}
            if live["spec"]["replicas"] and name == "immich-server":
                self.start_pod()
        count = live["spec"]["replicas"]
        status = {"observedGeneration": live["metadata"]["generation"], "updatedReplicas": count, "replicas": count, "availableReplicas": count * self.ready}
        return 200, live | {"status": status}


@pytest.fixture
def in_cluster(immich: Any, memory: str, tmp_path: Path) -> Iterator[tuple[Cluster, dict[str, Any]]]:
    """A server whose settings are in a file that this collection makes, and the options that lead to its cluster."""
    cluster = Cluster(immich, tmp_path, {"library": {"scan": {"enabled": False}, "watch": {"enabled": False}}, "trash": {"days": 20}})

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            status, answer = cluster.answer(self.command, self.path.partition("?")[0], json.loads(body) if body else None)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_PATCH = handle_any

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as api:
        Thread(target=api.serve_forever, daemon=True).start()
        names = {"cluster": "homelab", "user": "admin"}
        config = {
            "clusters": [{"name": "homelab", "cluster": {"server": f"http://127.0.0.1:{api.server_port}"}}],
            "users": [{"name": "admin", "user": {}}],
            "contexts": [{"name": "homelab", "context": names}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        place = "/usr/src/app/upload" if immich.server.instance.version.startswith("1.135") else "/data"
        (tmp_path / "media" / "immich.json").write_text(json.dumps(cluster.inventory))
        immich.server.set_env(IMMICH_CONFIG_FILE=f"{place}/immich.json")
        yield cluster, {"memory": memory, "configmap": "immich-guard-memory", "kubeconfig": str(tmp_path / "kubeconfig"), "context": "homelab"}
        api.shutdown()


def test_settings_of_a_file_are_held_by_what_is_laid_over_them(immich: Any, in_cluster: tuple[Cluster, dict[str, Any]]) -> None:
    cluster, options = in_cluster
    before = values(immich)
    assert immich.run("brake", check=True, **options).changed and cluster.memory is None and cluster.patched == []
    assert immich.run("brake", **options).changed and cluster.patched == ["immich-server"]
    held = values(immich)
    assert held["cleanup"] is False if before["cleanup"] is not None else held["days"] == 3650
    assert not immich.run("brake", **options).changed and len(cluster.patched) == 1
    cluster.start_pod()  # whatever restarts the server, and whatever site.yml makes of its own file: it stays
    assert values(immich) == held
    assert immich.run("brake", state="released", check=True, **options).changed and values(immich) == held
    assert immich.run("brake", state="released", **options).changed and values(immich) == before
    assert not immich.run("brake", state="released", **options).changed
    assert cluster.memory and "immich.json" not in cluster.memory["data"] and "brake.json" not in cluster.memory["data"]


def test_a_server_that_was_not_restarted_is_no_server_that_is_braked(immich: Any, in_cluster: tuple[Cluster, dict[str, Any]]) -> None:
    cluster, options = in_cluster
    cluster.ready = False
    message = immich.run("brake", wait_timeout=0, **options).message
    assert "still waits for Deployment immich/immich-server" in message
    cluster.ready = True
    cluster.inventory["trash"]["days"] = 21
    assert not immich.run("brake", **options).changed  # it had been restarted after all


def test_a_file_of_somebody_else_is_told_and_not_believed(immich: Any, in_cluster: tuple[Cluster, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, options = in_cluster
    monkeypatch.setattr(cluster, "start_pod", lambda: None)
    message = immich.run("brake", **options).message
    assert "does not have the settings of the brake" in message and "in the file of IMMICH_CONFIG_FILE and restart the server" in message


def test_without_a_cluster_a_file_is_told_and_not_changed(immich: Any, in_cluster: tuple[Cluster, dict[str, Any]], memory: str) -> None:
    message = immich.run("brake", memory=memory).message
    assert "The server takes its settings from the file of IMMICH_CONFIG_FILE" in message and "scale the server to 0" in message
    assert not immich.run("brake", memory=memory, state="released").changed  # what was not set is not remembered


def test_a_server_that_is_stopped_is_started_with_as_many_pods_as_before(immich: Any, in_cluster: tuple[Cluster, dict[str, Any]]) -> None:
    cluster, options = in_cluster
    cluster.deployments["immich-microservices"] = {"metadata": {"name": "immich-microservices", "generation": 1}, "spec": {"replicas": 3}}
    assert immich.run("brake", state="stopped", check=True, **options).changed and cluster.patched == []
    with immich.server.refused():  # it needs no server that answers
        assert immich.run("brake", state="stopped", **options).changed
        assert [item["spec"]["replicas"] for item in cluster.deployments.values()] == [0, 0]
        assert not immich.run("brake", state="stopped", **options).changed
        assert not immich.run("brake", **options).changed
    assert immich.run("brake", state="released", **options).changed
    assert [item["spec"]["replicas"] for item in cluster.deployments.values()] == [1, 3]
    assert all("homelab.immich/stopped" not in item["metadata"]["annotations"] for item in cluster.deployments.values())
    assert not immich.run("brake", state="released", **options).changed


def test_a_server_that_was_braked_and_then_stopped_is_released_whole(immich: Any, in_cluster: tuple[Cluster, dict[str, Any]]) -> None:
    cluster, options = in_cluster
    immich.server.instance = replace(immich.server.instance, env={})  # its settings are in its database
    before = values(immich)
    assert immich.run("brake", **options).changed and values(immich) != before
    assert immich.run("brake", state="stopped", **options).changed
    assert immich.run("brake", state="released", **options).changed and values(immich) == before
    assert cluster.memory and "brake.json" not in cluster.memory["data"]


def test_a_brake_that_another_memory_remembers_is_taken_over_and_released(immich: Any, memory: str, tmp_path: Path) -> None:
    """As when CronJobs take over from a host, or a host from CronJobs."""
    before, host = values(immich), State(str(tmp_path / "host"))
    immich.run("brake", memory=str(host.folder))
    told, held = host.brake(), values(immich)
    requests = len(immich.server.requests)
    would = immich.run("brake", memory=memory, state="remembered", remembered=told, check=True)
    assert would.changed and not Path(memory).exists()
    moved = immich.run("brake", memory=memory, state="remembered", remembered=told)
    assert moved.changed and State(memory).brake() == told and values(immich) == held and len(immich.server.requests) == requests
    assert not immich.run("brake", memory=memory, state="remembered", remembered=told).changed
    assert not immich.run("brake", memory=memory, remembered=told).changed  # it is set, and is known to be
    assert immich.run("brake", memory=memory, state="released").changed and values(immich) == before


def test_a_release_knows_what_another_memory_remembers(immich: Any, memory: str, tmp_path: Path) -> None:
    before, other = values(immich), State(str(tmp_path / "other"))
    immich.run("brake", memory=str(other.folder))
    name = "nightlyTasks.databaseCleanup" if before["cleanup"] is not None else "trash.days"
    kept = {"nightlyTasks": {"databaseCleanup": True}} if before["cleanup"] is not None else {"trash": {"days": 20}}
    assert immich.run("system_config", settings=kept, remembered=other.brake())["held"] == [name]
    released = immich.run("brake", memory=memory, state="released", remembered=other.brake())
    assert released.changed and released["left_alone"] == [] and values(immich) == before


@pytest.mark.parametrize("owner", ["api", "file"])
def test_an_inventory_does_not_release_what_the_brake_holds(immich: Any, in_cluster: tuple[Cluster, dict[str, Any]], owner: str) -> None:
    """Whoever sets databaseCleanup, or with v1.135 trash.days, in immich_settings, runs site.yml while the brake is set."""
    cluster, given = in_cluster
    nightly = values(immich)["cleanup"] is not None
    wanted = {"nightlyTasks": {"databaseCleanup": True}} if nightly else {"trash": {"days": 20}}
    name = "nightlyTasks.databaseCleanup" if nightly else "trash.days"
    if owner == "api":
        immich.server.set_env(IMMICH_CONFIG_FILE="")
        immich.run("system_config", settings=wanted)
    else:
        cluster.inventory |= wanted
    place = {option: given[option] for option in ("configmap", "kubeconfig", "context")}
    assert immich.run("system_config", settings=wanted, **place)["held"] == []
    assert immich.run("brake", **given).changed
    result = immich.run("system_config", settings=wanted, **place)
    assert result["held"] == [name] and result["updated"] == [] and not result.changed
    [warning] = result.warnings
    assert "The brake is set since" in warning and name in warning and "immich_brake=released" in warning
    assert immich.run("brake", **given, state="released").changed
    assert immich.run("system_config", settings=wanted, **place)["held"] == []
