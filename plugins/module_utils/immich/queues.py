# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's queues of jobs, by the newest way that it and the key have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .answers import mismatch
from .changes import Change, Plan, PlanErrors, Step
from .client import Client
from .errors import OTHER_ADDRESS, Forbidden, ImmichError, NotFound, UnexpectedAnswer

_COUNTS = {"active": int, "waiting": int, "delayed": int, "paused": int, "failed": int}
_QUEUE = {"name": str, "isPaused": bool, "statistics": _COUNTS}
_LEGACY = {"jobCounts": _COUNTS, "queueStatus": {"isPaused": bool}}
# the nightly tasks run in it; the server refuses to pause it since it has /queues
NEVER_PAUSED = "backgroundTask"
# they have no job that goes through all assets
_NOT_STARTED = frozenset({"backgroundTask", "editor", "integrityCheck", "notifications", "search", "workflow"})


@dataclass(frozen=True)
class Queue:
    """One queue. `held` are the jobs that wait because it is paused."""

    name: str
    paused: bool
    active: int
    waiting: int
    delayed: int
    held: int
    failed: int

    @property
    def what(self) -> str:
        """Its name, as messages and diffs say it."""
        return f"queue {self.name}"

    @property
    def busy(self) -> int:
        """How many jobs will end without anybody's help."""
        return self.active + self.waiting + self.delayed

    def shown(self) -> dict[str, Any]:
        """As a module returns it."""
        return {**asdict(self), "idle": self.busy + self.held == 0}


class Queues:
    """Reads the queues of one server, and plans what becomes of them."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._by_jobs = not api.capabilities.queues_api

    def read(self) -> dict[str, Queue]:
        """Read all queues, in the order of the server."""
        doing = "read the queues"
        if not self._by_jobs:
            try:
                listed = self._api.get("/queues", doing=doing, shape=[_QUEUE])
                return {item["name"]: _queue(item["name"], item["isPaused"], item["statistics"]) for item in listed}
            except (NotFound, Forbidden):
                # /jobs is still served, and a key made for an older server has no queue permission
                self._by_jobs = True
        answer = self._api.get("/jobs", doing=doing, shape=dict)
        for name, item in answer.items():
            if problem := mismatch(item, _LEGACY, f"the answer.{name}"):
                raise UnexpectedAnswer(f"Could not {doing}: GET /jobs is not as Immich answers ({problem}); {OTHER_ADDRESS}.")
        return {name: _queue(name, item["queueStatus"]["isPaused"], item["jobCounts"]) for name, item in answer.items()}

    def chosen(self, names: Iterable[str] | None) -> list[Queue]:
        """Read the queues of these names; all that are unknown are said at once. None is all of them."""
        queues = self.read()
        errors = []
        for name in names or ():
            if name not in queues:
                close = difflib.get_close_matches(name, queues, 1)
                errors.append(f"This server has no queue {name}; {f'did you mean {close[0]}?' if close else 'it has ' + ', '.join(queues) + '.'}")
        if errors:
            raise PlanErrors(errors)
        return list(queues.values()) if names is None else [queues[name] for name in dict.fromkeys(names)]

    def one(self, name: str) -> Queue:
        """Read one queue."""
        [queue] = self.chosen([name])
        return queue

    def pending(self, names: Iterable[str] | None) -> str:
        """
        Read what these queues have not done yet, for a person; empty when all are idle.

        Raises ImmichError for a pause that holds jobs, which would be waited for in vain.
        """
        queues = self.chosen(names)
        held = [queue.name for queue in queues if queue.paused and queue.held]
        if held:
            raise ImmichError(
                f"Queue {' and '.join(held)} is paused and holds jobs, so it never becomes idle; resume it (homelab.immich.queue, state: resumed)."
            )
        return "; ".join(f"{queue.what} ({words(queue)})" for queue in queues if queue.busy or queue.held)

    def plan(self, queue: Queue, state: str, *, force: bool, failed: bool) -> Plan:
        """Plan one queue. `force`: start for all assets, not only for those that miss something. `failed`: forget failed jobs too."""
        if state == "paused" and queue.name == NEVER_PAUSED:
            raise ValueError(f"Queue {queue.name} cannot be paused: the server needs it for its nightly tasks; leave it out.")
        if state in ("paused", "resumed"):
            after = {"paused": state == "paused"}
            steps = self._pause(queue.name, after["paused"]) if queue.paused != after["paused"] else ()
            return Plan(Change(queue.what, {"paused": queue.paused}, after), steps)
        if state == "emptied":
            before = {"waiting": queue.waiting + queue.held} | ({"failed": queue.failed} if failed else {})
            change = Change(queue.what, before, dict.fromkeys(before, 0))
            return Plan(change, self._empty(queue.name, failed) if change.changed else ())
        if state == "started":
            return self._start(queue, force)
        return Plan(Change(queue.what, {}, {}))

    def _pause(self, name: str, paused: bool) -> tuple[Step, ...]:
        doing = f"{'pause' if paused else 'resume'} queue {name}"
        if self._by_jobs:
            return (Step("PUT", f"/jobs/{name}", {"command": "pause" if paused else "resume"}, doing),)
        return (Step("PUT", f"/queues/{name}", {"isPaused": paused}, doing),)

    def _empty(self, name: str, failed: bool) -> tuple[Step, ...]:
        doing = f"empty queue {name}"
        if self._by_jobs:
            return tuple(Step("PUT", f"/jobs/{name}", {"command": command}, doing) for command in ("empty", *(["clear-failed"] if failed else [])))
        return (Step("DELETE", f"/queues/{name}/jobs", {"failed": failed}, doing),)

    @staticmethod
    def _start(queue: Queue, force: bool) -> Plan:
        if queue.name in _NOT_STARTED:
            raise ValueError(f"Queue {queue.name} cannot be started: the server puts jobs into it when there is a reason; choose another queue.")
        if queue.active and force:
            raise ValueError(f"Queue {queue.name} is already running ({words(queue)}), and the server starts none that is; wait with state: idle first.")
        started = {"started": "all" if force else "missing"}
        # there is no start in /queues
        step = Step("PUT", f"/jobs/{queue.name}", {"command": "start", "force": force}, f"start queue {queue.name}")
        return Plan(Change(queue.what, {}, {})) if queue.active else Plan(Change(queue.what, {"started": None}, started), (step,))


def _queue(name: str, paused: bool, counts: Mapping[str, int]) -> Queue:
    return Queue(name, paused, counts["active"], counts["waiting"], counts["delayed"], counts["paused"], counts["failed"])


def words(queue: Queue) -> str:
    """What a queue holds, for a person."""
    counts = {"active": queue.active, "waiting": queue.waiting, "delayed": queue.delayed, "held by its pause": queue.held}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
