# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the guard of the cluster as a Job, and show what it prints while it runs."""

from __future__ import annotations

import secrets
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.guard_memory import shared_memory
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import kubeconfig
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client, Resource, Unreachable
from ansible_collections.homelab.immich.plugins.plugin_utils.schedules import job_now

SPEC: dict[str, Any] = {
    "libraries": {"type": "list", "elements": "str"},
    "command": {"type": "str", "choices": ["plan", "scan"], "default": "plan"},
    "accept": {"type": "dict", "default": {}},
    "in_quiet_hours": {"type": "bool", "default": False},
    "name": {"type": "str", "default": "immich"},
    "namespace": {"type": "str", "default": "immich"},
    "wait_timeout": {"type": "int", "default": 21600},
} | kubeconfig.SPEC
CRONJOB, JOB, POD = (
    Resource("batch/v1", "CronJob", "cronjobs", True),
    Resource("batch/v1", "Job", "jobs", True),
    Resource("v1", "Pod", "pods", True),
)
LIBRARY = "homelab.immich/library"
# exit codes of the guard that are no failure: done, put off
GOOD = (0, 3)
LOOK_S, QUIET_S = 2, 30


class ActionModule(ActionBase):
    """The action behind homelab.immich.guard_job; the documentation is with the module of that name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run one Job after the other: the guards have one memory."""
        super().run(tmp, task_vars)
        _checked, params = self.validate_argument_spec(argument_spec=SPEC)
        try:
            access = kubeconfig.access(params["kubeconfig"], params["context"], params["rehearsal"])
            client = Client(access, read_only=self._task.check_mode)
            cronjobs = self._cronjobs(client, params)
            if self._task.check_mode:
                return {"changed": False, "jobs": self._recorded(params, cronjobs)}
            jobs = [self._follow(client, params, cronjob) for cronjob in cronjobs]
        except (ApiError, Unreachable, kubeconfig.KubeconfigError, ImmichError) as error:
            return {"changed": False, "failed": True, "msg": f"The guard of the cluster cannot be run: {error}"}
        bad = [f"{job['library']}: {self._ended(job)}" for job in jobs if job["exit_code"] not in GOOD]
        return {"changed": True, "jobs": jobs} | ({"failed": True, "msg": "\n".join(bad)} if bad else {})

    def _cronjobs(self, client: Client, params: dict[str, Any]) -> list[dict[str, Any]]:
        labels = f"app.kubernetes.io/name=guard,app.kubernetes.io/instance={params['name']}"
        found = {job["metadata"].get("annotations", {}).get(LIBRARY): job for job in client.list(CRONJOB, params["namespace"], labels)}
        known = {name: job for name, job in found.items() if name}
        if unknown := [name for name in params["libraries"] or () if name not in known]:
            have = ", ".join(sorted(known)) or "no library"
            raise ImmichError(f"{', '.join(unknown)} has no CronJob in {params['namespace']}; {have} has. See scan.schedule.")
        if not known:
            raise ImmichError(f"no library has a CronJob in {params['namespace']}. Set scan.schedule, and run site.yml.")
        return [known[name] for name in params["libraries"] or sorted(known)]

    def _recorded(self, params: dict[str, Any], cronjobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the guard wrote down last of each library, for nothing may be started."""
        memory = State("/nonexistent", shared_memory(params | {"configmap": f"{params['name']}-guard-memory"}, read_only=True))
        records, jobs = memory.records(), []
        for library in (cronjob["metadata"]["annotations"][LIBRARY] for cronjob in cronjobs):
            last = next((entry for entry in reversed(records) if entry["library"] == library), None)
            said = f"{last['at'][:16].replace('T', ' ')} UTC, {last['outcome']}: {last['message']}" if last else "it has not run yet."
            plan = (last or {}).get("plan") or {}
            if plan.get("known") is not None:
                said += f" It found {plan['found']:,} files, {plan['added']:,} new, {plan['removed']:,} removed."
            self._display.display(f'"{library}", as the guard of the cluster saw it last, {said}')
            jobs.append({"library": library, "job": "", "exit_code": None, "output": said})
        self._display.display("Nothing is started in check mode. For a plan of now: -e immich_scan_in_cluster=plan, without --check.")
        return jobs

    def _follow(self, client: Client, params: dict[str, Any], cronjob: dict[str, Any]) -> dict[str, Any]:
        """Start the Job, show what is new of its log, and wait for its end."""
        library, namespace = cronjob["metadata"]["annotations"][LIBRARY], params["namespace"]
        number = params["accept"].get(library)
        options = [*(["--accept", f"{library}={number}"] if number else []), *(["--in-quiet-hours"] if params["in_quiet_hours"] else [])]
        name = f"{cronjob['metadata']['name']}-{secrets.token_hex(2)}"
        self._display.display(f'"{library}": Job {namespace}/{name}')
        client.create(JOB, job_now(cronjob, params["command"], options, name))
        shown, code, ended, quiet, finished = "", None, False, time.monotonic(), time.monotonic() + params["wait_timeout"]
        while not ended and time.monotonic() < finished:
            time.sleep(LOOK_S)
            status = (client.get(JOB, name, namespace) or {}).get("status", {})
            # looked at before the log: what was printed last is in it
            ended = any(condition["type"] in ("Complete", "Failed") and condition["status"] == "True" for condition in status.get("conditions", ()))
            pod = next(iter(client.list(POD, namespace, f"job-name={name}")), None)
            new, code = self._look(client, namespace, pod, shown)
            for line in new[len(shown) :].splitlines():
                self._display.display(f"  {line}")
            if len(new) > len(shown) or ended:
                quiet = time.monotonic()
            elif time.monotonic() - quiet > QUIET_S:
                phase = pod["status"].get("phase", "Pending") if pod else "without a pod yet"
                self._display.display(f"  waiting for Job {name} ({phase})")
                quiet = time.monotonic()
            shown = new
        return {"library": library, "job": name, "exit_code": code, "output": shown}

    def _look(self, client: Client, namespace: str, pod: dict[str, Any] | None, before: str) -> tuple[str, int | None]:
        """The log until now, and how the guard ended if it has."""
        if pod is None:
            return before, None
        states = [entry.get("state", {}) for entry in pod["status"].get("containerStatuses", ())]
        code = next((state["terminated"]["exitCode"] for state in states if "terminated" in state), None)
        try:
            return client.log(namespace, pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]), code
        except ApiError:
            return before, code  # it has not begun, or its node keeps no log

    def _ended(self, job: dict[str, Any]) -> str:
        last = (job["output"].strip().splitlines() or ["it printed nothing"])[-1]
        if job["exit_code"] is None:
            return f"Job {job['job']} has not ended well: {last}. Look with kubectl describe job {job['job']}."
        return f"exit code {job['exit_code']}: {job['output'].strip() or last}"
