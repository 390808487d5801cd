# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of the cluster, run now: the Job that is made, what is shown of it, and check mode, which makes none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import examples
import pytest
from ansible_collections.homelab.immich.plugins.action import guard_job

RECORD = {"at": "2026-11-21T03:00:12+00:00", "library": "NAS photos", "owner": "me@example.net", "outcome": "scanned", "message": "Scan done.", "trashed": 0}
RECORD |= {"plan": {"known": 41_203, "found": 41_205, "added": 3, "removed": 1}}


class Cluster:
    """One CronJob; a Job of it has a pod at the second look, prints line by line, and ends."""

    def __init__(self, cronjob: dict[str, Any]) -> None:
        self.cronjobs, self.jobs, self.asked = [cronjob], [], []  # type: ignore[var-annotated]
        self.lines, self.code, self.looks, self.keeps_logs = ["looking", "41,205 files found", "done"], 0, 0, True
        self.records = [RECORD]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if method == "POST":
            self.jobs.append(body)
            return 201, body
        if "/cronjobs" in path:
            return 200, {"items": self.cronjobs}
        if "/configmaps/" in path:
            return 200, {"metadata": {}, "data": {"records.jsonl": "".join(f"{json.dumps(entry)}\n" for entry in self.records)}}
        if "/jobs/" in path:
            self.looks += 1
            kind = "Complete" if self.code == 0 else "Failed"
            return 200, {"status": {"conditions": [{"type": kind, "status": "True"}]} if self.looks > len(self.lines) else {}}
        if path.endswith("/log") or "/log?" in path:
            return (200, "".join(f"{line}\n" for line in self.lines[: self.looks])) if self.keeps_logs else (404, {"message": "no log"})
        state = {"terminated": {"exitCode": self.code}} if self.looks > len(self.lines) else {"running": {}}
        pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "guard"}]}, "status": {"phase": "Running", "containerStatuses": [{"state": state}]}}
        return 200, {"items": [pod] if self.looks > 1 else []}


@pytest.fixture
def cluster(render: Callable[..., Any]) -> Cluster:
    found = next(item for item in render("schedules") if item["kind"] == "CronJob" and "annotations" in item["metadata"])
    found["metadata"] |= {"uid": "1-2-3", "namespace": "immich"}
    return Cluster(found)


@pytest.fixture
def run(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[dict[str, Any], list[str]]]]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "null")
            status, content = cluster.answer(self.command, self.path, body)
            data = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    entries = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "homelab", "context": {"cluster": "c"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(entries))
    monkeypatch.setattr(guard_job, "LOOK_S", 0.01)
    shown: list[str] = []

    def run(*, check: bool = False, **options: Any) -> tuple[dict[str, Any], list[str]]:
        shown.clear()
        cluster.looks = 0
        args = {"kubeconfig": str(tmp_path / "kubeconfig"), "context": "homelab", **options}
        task = SimpleNamespace(args=args, check_mode=check, async_val=0, action="homelab.immich.guard_job", diff=False)
        action = guard_job.ActionModule(task, SimpleNamespace(_shell=SimpleNamespace(tmpdir="/tmp")), None, None, None, None)
        monkeypatch.setattr(action, "_display", SimpleNamespace(display=shown.append, warning=shown.append))
        return action.run(task_vars={}), list(shown)

    yield run
    server.shutdown()
    server.server_close()


def test_a_plan_of_now_is_a_job_whose_log_is_shown_once(cluster: Cluster, run: Any) -> None:
    result, shown = run()
    assert result["changed"] and not result.get("failed")
    assert [line.strip() for line in shown[1:]] == cluster.lines
    [job] = result["jobs"]
    assert job["exit_code"] == 0 and job["output"] == "looking\n41,205 files found\ndone\n"
    [made] = cluster.jobs
    name = cluster.cronjobs[0]["metadata"]["name"]
    assert made["metadata"]["name"].startswith(f"{name}-") and len(made["metadata"]["name"]) <= 63
    assert made["metadata"]["ownerReferences"][0] | {"uid": "1-2-3", "controller": True} == made["metadata"]["ownerReferences"][0]
    command = made["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command == ["python", "-I", "-u", "/guard/program/guard.pyz", "plan", "--config", f"/guard/program/{name}.json"]
    assert made["spec"]["backoffLimit"] == 0 and made["spec"]["ttlSecondsAfterFinished"] > 0


def test_a_scan_takes_what_somebody_accepted_along(cluster: Cluster, run: Any) -> None:
    run(command="scan", accept={"NAS photos": 41180, "Other": 3}, in_quiet_hours=True)
    command = cluster.jobs[0]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[4:9] == ["scan", "--accept", "NAS photos=41180", "--in-quiet-hours", "--config"]


def test_a_refusal_fails_the_task_with_what_the_guard_said(cluster: Cluster, run: Any) -> None:
    cluster.code, cluster.lines = 4, ['Scan of library "NAS photos" refused: it would trash 41,180 of 41,203 assets.']
    result, _shown = run(command="scan")
    assert result["failed"] and "exit code 4" in result["msg"] and "it would trash 41,180" in result["msg"]
    cluster.code, cluster.lines = 3, ["put off"]
    assert not run(command="scan")[0].get("failed")


def test_check_mode_starts_nothing_and_shows_what_was_found_last(cluster: Cluster, run: Any) -> None:
    cluster.records = [RECORD | {"library": "Other", "message": "x"}, RECORD]
    result, shown = run(check=True)
    assert not result["changed"] and cluster.jobs == [] and all(asked.startswith("GET ") for asked in cluster.asked)
    assert shown[0].startswith('"NAS photos", as the guard of the cluster saw it last, 2026-11-21 03:00 UTC, scanned: Scan done.')
    assert "It found 41,205 files, 3 new, 1 removed." in shown[0] and "immich_scan_in_cluster=plan" in shown[1]
    cluster.records = []
    assert "it has not run yet" in run(check=True)[1][0]


def test_a_node_that_keeps_no_log_is_no_reason_to_fail(cluster: Cluster, run: Any) -> None:
    """As in a rehearsal, where pods do nothing."""
    cluster.keeps_logs = False
    result, _shown = run()
    assert not result.get("failed") and result["jobs"][0]["output"] == ""


def test_a_job_that_does_not_end_in_time(cluster: Cluster, run: Any) -> None:
    cluster.lines = ["still looking"] * 1000
    result, _shown = run(wait_timeout=1)
    assert result["failed"] and "has not ended well: still looking" in result["msg"] and "kubectl describe job" in result["msg"]


def test_a_library_without_a_cronjob_is_named(cluster: Cluster, run: Any) -> None:
    assert "Attic has no CronJob in immich; NAS photos has." in run(libraries=["Attic"])[0]["msg"]
    cluster.cronjobs.clear()
    assert "no library has a CronJob in immich" in run()[0]["msg"] and cluster.jobs == []


def test_the_example_of_the_documentation(run: Any) -> None:
    [task] = examples.of("modules/guard_job")
    assert run(**task["homelab.immich.guard_job"])[0]["jobs"][0]["exit_code"] == 0
