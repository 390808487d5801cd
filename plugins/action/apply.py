# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply objects, and show a person what is waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import kubeconfig, memory, plan, prune, readiness, restart
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client, Unreachable
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.live import Live
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object, key, title, yaml_text
from ansible_collections.homelab.immich.plugins.plugin_utils.waiting import LOOK

POLL = 1.0  # seconds between two looks
SETTLE = 5.0  # seconds that CloudNativePG may need to notice a change: until then its status still describes the Cluster before
SPEC = {
    "objects": {"type": "raw", "required": True},
    "instance": {"type": "str", "required": True},
    "name": {"type": "str", "default": "objects"},
    "take_over": {"type": "list", "elements": "str", "default": []},
    "prune": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 900},
    "memory": {"type": "path"},
    **kubeconfig.SPEC,
}
PAST = {"create": "created", "change": "changed", "delete": "deleted", "restart": "restarted"}


class ActionModule(ActionBase):
    """The action behind homelab.immich.apply; the documentation is with the module of that name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Apply, prune and wait, as the options say."""
        super().run(tmp, task_vars)
        _checked, params = self.validate_argument_spec(argument_spec=SPEC)
        objects, name, check_mode = plain(params["objects"]), params["name"], bool(self._task.check_mode)
        try:
            client = Client(kubeconfig.access(params["kubeconfig"], params["context"], params["rehearsal"]), read_only=check_mode)
        except kubeconfig.KubeconfigError as error:
            raise AnsibleActionFail(f"{name}: {error}") from None
        result: dict[str, Any] = {}
        try:
            steps, result, warnings = apply(client, objects, params, check_mode)
            for sentence in warnings:
                self._display.warning(sentence)
            if not self._task.diff:
                result.pop("diff")
            if params["wait"] and not check_mode:
                result |= wait(client, objects, steps, params["wait_timeout"], lambda line: self._display.display(f"  {name}: {line}"))
        except plan.Refused as error:
            result |= {"failed": True, "msg": f"{name}: {error}" if len(error.problems) == 1 else f"{name}:\n- " + "\n- ".join(error.problems)}
        except GaveUp as error:
            result |= {"failed": True, "msg": f"{name}: {error}", "ready": False, "pending": error.pending}
        except (ApiError, Unreachable) as error:
            result |= {"failed": True, "msg": f"{name}: {error}"}
        return {"changed": client.writes > 0} | result | {"requests": client.requests}


class GaveUp(Exception):
    """It was waited for long enough: what is not ready, and why."""

    def __init__(self, waited: str, pending: list[dict[str, Any]]) -> None:
        super().__init__(f"not ready ({waited}): {_reasons(pending)}.")
        self.pending = pending


def plain(objects: Any) -> list[Object]:
    """The objects as JSON has them, without what Ansible's templates leave on values."""
    if not isinstance(objects, list) or not objects or not all(isinstance(item, dict) and item.get("kind") and item.get("metadata") for item in objects):
        raise AnsibleActionFail("objects is not a list of Kubernetes objects. Give it what query('homelab.immich.manifests', …) returns.")
    return json.loads(json.dumps(objects, default=str))


def apply(client: Client, objects: list[Object], params: dict[str, Any], check_mode: bool) -> tuple[list[plan.Step], dict[str, Any], list[str]]:
    """Apply and prune: the steps that were taken (or would be), the result to return, and warnings."""
    there, instance = Live(client, params["instance"]), params["instance"]
    steps = plan.apply(client, there, objects, instance, params["take_over"], check_mode)
    left, unlisted = [], []
    if params["prune"]:
        deletions, left, unlisted = prune.prune(client, there, objects, instance, check_mode)
        steps += deletions
    restarts, warnings = restart.restart(client, steps, instance, check_mode)
    steps += restarts
    if params["memory"] and not check_mode:
        memory.remember(params["memory"], memory.cluster_uid(client), params["context"])
    done = [step for step in steps if step.action != "keep"]
    result = {
        "changed": bool(done),
        "changes": [f"{PAST[step.action]} {title(step.desired)}" for step in done],
        "total": len(objects),
        "created": sum(step.action == "create" for step in done),
        "updated": len({key(step.desired) for step in done if step.action in ("change", "restart")}),
        "pruned": [title(step.desired) for step in done if step.action == "delete"],
        "diff": [_diff(step) for step in done],
    }
    if params["prune"]:
        result["leftovers"] = [{"object": title(item), "command": prune.removal(item, params["context"], params["kubeconfig"] or "")} for item in left]
    for item in result.get("leftovers", []):
        warnings.append(f"{item['object']} is no longer wanted and is kept, because it may hold data. To remove it: {item['command']}")
    for kind in sorted(set(unlisted)):
        warnings.append(f"{kind}: this kubeconfig may not list them, so none was looked at for pruning.")
    return steps, result, warnings


def _diff(step: plan.Step) -> dict[str, str]:
    name = title(step.desired)
    return {"before_header": name, "after_header": name, "before": yaml_text(step.before), "after": yaml_text(step.after)}


def wait(client: Client, objects: list[Object], steps: list[plan.Step], timeout: int, show: Callable[[str], Any]) -> dict[str, Any]:
    """Wait until the objects are ready, with a line of progress every few seconds; GaveUp when the time is over or waiting does not help."""
    done = [step for step in steps if step.action != "keep"]
    if any(step.action == "change" and step.desired["kind"] == "Cluster" for step in done):
        time.sleep(SETTLE)
    touched = {key(step.desired) for step in done}
    known = [step.live for step in steps if step.live and key(step.desired) not in touched]  # just read, and left as it is
    began, limit, hopeless, shown = time.monotonic(), timeout, 0, 0.0
    while pending := readiness.pending(client, objects, known):
        known, elapsed = [], time.monotonic() - began
        # a server that migrates its database has the time that its Deployment gives it; anything else that is wrong ends with wait_timeout
        limit = max(timeout, min(item.get("patience", 0) for item in pending))
        if elapsed >= limit:
            why = f"wait_timeout is {timeout} s" if limit == timeout else f"its progressDeadlineSeconds is {limit} s"
            raise GaveUp(f"waited {int(elapsed)} s, {why}", pending)
        if elapsed >= shown + LOOK:
            hopeless = hopeless + 1 if any(item["hopeless"] for item in pending) else 0
            if hopeless > 1:  # seen twice: it is not just on its way from one state to another
                raise GaveUp("waiting longer does not help", pending)
            show(f"waiting for {_reasons(pending)} ({int(elapsed)} s)")
            shown = elapsed
        time.sleep(min(POLL, limit - elapsed))
    return {"ready": True, "pending": []}


def _reasons(pending: list[dict[str, Any]]) -> str:
    return "; ".join(f"{item['object']} ({item['why'].rstrip('.')})" for item in pending)
