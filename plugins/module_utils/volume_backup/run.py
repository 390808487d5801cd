# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup: look at the volume, let VolSync back it up, and compare what came of it."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..guard.shared import Store
from ..immich.errors import ImmichError
from .config import Config, allowed
from .source import Refused, look
from .volsync import Replication, failed, result, said

EXIT_CODES = {"backed up": 0, "refused": 4, "failed": 5, "incomplete": 6}
_PAUSES_S = (2.0, 30.0)
_RETRY_S = 1800.0  # VolSync still tries what failed the last time; so long it may get through by itself


@dataclass(frozen=True)
class Outcome:
    """What came of it, for the log of the pod and for the exit code."""

    word: str
    message: str


class Backup:
    """Backs up one volume to one repository."""

    def __init__(
        self,
        config: Config,
        replication: Replication,
        memory: Store,
        repository: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`repository` is what the Secret says, which VolSync goes by."""
        self._config, self._replication, self._memory, self._repository = config, replication, memory, repository
        self._sleep, self._clock, self._now, self._tell = sleep, clock, now, tell
        self._key = f"{config.source}.json"

    def run(self) -> Outcome:
        """Do all of it; ImmichError when the Kubernetes API does not answer."""
        try:
            before = self._look()
        except Refused as reason:
            return Outcome("refused", f"Backup of volume {self._config.volume} refused: {reason} Nothing was backed up, and no older backup was removed.")
        self._tell(f"Volume {self._config.volume} has {before:,} files. VolSync backs it up to {self._config.repository}.")
        outcome = self._back_up(before)
        if outcome.word != "backed up":
            self._replication.hold()  # what follows is for the next run to allow, when it has looked again
        return outcome

    def _look(self) -> int:
        if self._repository != self._config.repository:
            raise Refused(
                f"RESTIC_REPOSITORY of its Secret is not {self._config.repository}, so the backup would go somewhere else. "
                "Put the repository of immich_volumes there, for it is not composed where the Secret comes from."
            )
        found, last = look(self._config.mount, self._config.sentinels), self._last().get("files", 0)
        gone, limit = last - found, allowed(self._config.max_removed, last)
        if gone > max(limit, self._config.accept):
            raise Refused(
                f"it has {found:,} files, {gone:,} fewer than the last good backup (limit {limit:,}, {self._config.max_removed}). "
                f"Put them back; to let exactly this through once: site.yml -e '{json.dumps({'immich_backup_accept': {self._config.volume: gone}})}'."
            )
        return found

    def _back_up(self, before: int) -> Outcome:
        began = self._clock()
        status = self._replication.status()
        # held since it was made, or since a failure: what VolSync looks at then can be a copy as old as that
        stale = bool(status.get("lastSyncStartTime"))
        for _round in range(2 if stale else 1):
            retried = failed(status) and bool(status.get("lastSyncStartTime"))
            token = self._now().isoformat(timespec="microseconds")
            self._replication.start(token)
            status = self._wait(token, began, retried)
            if status.get("lastManualSync") != token:
                why = f"failed: {said(status)}" if failed(status) else f"did not end in {self._config.wait:g} s. VolSync says: {said(status)}"
                return Outcome("failed", f"Backup of volume {self._config.volume} {why}. Look with kubectl describe replicationsource {self._config.source}")
        return self._compare(before, *result(status))

    def _wait(self, token: str, began: float, retried: bool) -> dict[str, Any]:
        pause, ends = _PAUSES_S[0], began + (min(_RETRY_S, self._config.wait) if retried else self._config.wait)
        while True:
            try:
                status = self._replication.status()
            except ImmichError as error:  # an API server that is updated; the backup goes on
                self._tell(str(error))
                status = {}
            if status.get("lastManualSync") == token or (failed(status) and not retried) or self._clock() >= ends:
                return status
            self._sleep(pause)
            pause = min(pause * 1.5, _PAUSES_S[1])

    def _compare(self, before: int, files: int | None, snapshot: str | None) -> Outcome:
        name = f"Backup of volume {self._config.volume}"
        if files is None or snapshot is None:
            return Outcome("incomplete", f"{name} made no snapshot, although {self._config.mount} has {before:,} files: the mover did not see them.")
        limit = allowed(self._config.max_removed, before)
        if before - files > limit:
            text = f"{name} is incomplete: snapshot {snapshot} has {files:,} files, the volume had {before:,} (limit {limit:,}, {self._config.max_removed})."
            return Outcome("incomplete", f"{text} Do not rely on this snapshot, and find out what the mover did not see.")
        try:
            look(self._config.mount, self._config.sentinels)
        except Refused as reason:
            return Outcome("incomplete", f"{name}: snapshot {snapshot} was made while the volume went away: {reason}")
        self._memory.write(self._key, json.dumps({"files": files, "snapshot": snapshot, "at": self._now().isoformat(timespec="seconds")}))
        return Outcome("backed up", f"{name} is done: {files:,} files in snapshot {snapshot} of {self._config.repository}.")

    def _last(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self._memory.read(self._key) or "{}")
        except ValueError:
            found = {}
        return found if isinstance(found, dict) and isinstance(found.get("files", 0), int) else {}
