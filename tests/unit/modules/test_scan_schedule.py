# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Immich's own library scan, on a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest


def test_by_default_it_is_switched_off_and_a_second_run_changes_nothing(immich: Any) -> None:
    result = immich.run("scan_schedule")
    assert result.changed and result.after == {"system settings": {"library.scan.enabled": False}}
    assert not immich.run("scan_schedule").changed
    assert immich.server.running.config["library"]["scan"]["enabled"] is False


def test_it_can_be_given_a_timer(immich: Any) -> None:
    result = immich.run("scan_schedule", enabled=True, cron="30 3 * * *", watch=True)
    assert result["updated"] == ["library.scan.cronExpression", "library.watch.enabled"]
    assert not immich.run("scan_schedule", enabled=True, cron="30 3 * * *", watch=True).changed


def test_check_mode_says_the_same_and_changes_nothing(immich: Any) -> None:
    planned = immich.run("scan_schedule", check=True)
    assert planned.changed and planned["diff"] == immich.run("scan_schedule")["diff"]
    assert not immich.run("scan_schedule", check=True).changed


@pytest.mark.parametrize("cron", ["0 0 * *", "0 0 0 * * *", "@daily", ""])
def test_a_cron_that_has_not_five_fields_is_refused(immich: Any, cron: str) -> None:
    assert "five fields" in immich.run("scan_schedule", enabled=True, cron=cron).message
    assert not immich.server.requests


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Options that lead to a cluster in which a CronJob scans the library NAS photos; `jobs` is what it has."""
    jobs = [{"metadata": {"name": "immich-scan-nas-photos", "annotations": {"homelab.immich/library": "NAS photos"}}}]
    asked: list[str] = []
    annotations: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(unquote(self.path))
            found = {"kind": "CronJobList", "items": jobs} if "cronjobs" in self.path else {"kind": "ConfigMap", "metadata": {"annotations": annotations}}
            content = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    entries = {"clusters": [{"name": "c", "cluster": {"server": address}}], "contexts": [{"name": "homelab", "context": {"cluster": "c"}}]}
    (tmp_path / "kubeconfig").write_text(json.dumps(entries))
    yield {"options": {"kubeconfig": str(tmp_path / "kubeconfig"), "context": "homelab"}, "jobs": jobs, "annotations": annotations, "asked": asked}
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("wanted", [{"enabled": True}, {"watch": True}], ids=["timer", "watcher"])
def test_two_timers_at_once_are_an_error(immich: Any, cluster: dict[str, Any], wanted: dict[str, bool]) -> None:
    refused = immich.run("scan_schedule", **wanted, **cluster["options"])
    assert "guards already scan NAS photos by the clock" in refused.message and "immich_scan_owner" in refused.message
    assert not immich.server.mutations
    assert "namespaces/immich/cronjobs?labelSelector=app.kubernetes.io/name=guard,app.kubernetes.io/instance=immich" in cluster["asked"][0]
    cluster["jobs"].clear()
    assert not immich.run("scan_schedule", **wanted, **cluster["options"]).failed


@pytest.mark.parametrize(("jobs", "host", "owner"), [(1, "", "cluster"), (0, "tank", "host"), (0, "", "none")])
def test_who_scans_by_the_clock_is_told(immich: Any, cluster: dict[str, Any], jobs: int, host: str, owner: str) -> None:
    del cluster["jobs"][jobs:]
    cluster["annotations"].update({"homelab.immich/scan-host": host, "homelab.immich/scanned-there": '["NAS photos"]'} if host else {})
    result = immich.run("scan_schedule", **cluster["options"])
    assert (result["owner"], result["guarded"]) == (owner, [] if owner == "none" else ["NAS photos"])


def test_two_guards_at_once_are_an_error(immich: Any, cluster: dict[str, Any]) -> None:
    cluster["annotations"].update({"homelab.immich/scan-host": "tank", "homelab.immich/scanned-there": '["NAS photos"]'})
    refused = immich.run("scan_schedule", **cluster["options"])
    assert "Two guards scan by the clock: CronJobs (NAS photos) and host tank (NAS photos)." in refused.message and not immich.server.mutations


def test_a_host_that_scans_by_the_clock_counts_as_a_guard(immich: Any, cluster: dict[str, Any]) -> None:
    cluster["jobs"].clear()
    cluster["annotations"].update({"homelab.immich/scan-host": "tank", "homelab.immich/scanned-there": '["NAS photos"]'})
    assert "guards already scan NAS photos by the clock" in immich.run("scan_schedule", enabled=True, **cluster["options"]).message


def test_switching_it_off_needs_no_cluster(immich: Any, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("{}")
    result = immich.run("scan_schedule", kubeconfig=str(tmp_path / "kubeconfig"), context="homelab")
    assert result.changed and result["owner"] is None
