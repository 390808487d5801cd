# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a guarded scan: look, compare with the last good scan, scan, compare again, and brake when it did more than it may."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ..immich import queues, scans
from ..immich.changes import Change, PlanErrors
from ..immich.client import Client
from ..immich.errors import ApiError, ImmichError, UnexpectedAnswer, Unreachable
from ..immich.libraries import statistics
from . import left
from .brake import by_hand, hold, set_brake
from .checks import LIBRARY, Checks, Later, Refused
from .config import Config, Limits, allowed
from .manifest import Damaged
from .report import Report, acceptance, counted
from .shared import Store
from .state import State
from .views import View

# a server that restarts is back before that
PATIENCE_S = 300
AWAY = "the server to answer again"
_PAUSE_S = 5
RELEASE = "ansible-playbook playbooks/brake.yml -i my/inventory -e immich_brake=released"


def away(error: ImmichError) -> bool:
    """Whether the server, or what is in front of it, is restarting perhaps."""
    if isinstance(error, ApiError):
        return error.status >= 500 or error.status == 404
    return isinstance(error, Unreachable | UnexpectedAnswer)


class Guard:
    """Scans the libraries of one server, one after the other."""

    def __init__(
        self,
        api: Client,
        view: View,
        config: Config,
        wanted: Sequence[Limits],
        *,
        shared: Store | None = None,
        check_mode: bool = False,
        record: Callable[[Change], None] = lambda change: None,
        sleep: Callable[[float], None] | None = None,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self._api, self._config, self._check_mode = api, config, check_mode
        self._record, self._sleep, self._now = record, sleep or time.sleep, now
        self.state = State(config.memory, shared)
        self.checks = Checks(api, view, config, wanted, self.state, now=now, check_mode=check_mode, record=record)

    def learn(self) -> None:
        """Find all libraries before one is scanned; raises ImmichError or PlanErrors."""
        self.checks.learn()

    def begin(self, limits: Limits) -> Report | dict[str, Any]:
        """Look, and start the scan; return what finish() has to know, or what came of it where nothing was started."""
        report = Report(limits.name, limits.owner)
        try:
            begun = self._begin(limits, report)
        except Later as reason:
            return self._ended(report, "later", f"Scan of {report.what} put off: {reason}")
        except Refused as reason:
            return self._ended(report, "refused", f"Scan of {report.what} refused: {reason}")
        except (ImmichError, PlanErrors, Damaged, OSError) as error:
            return self._ended(report, "failed", f"Scan of {report.what} not started: {error}")
        return begun or self._ended(report, report.outcome, report.message)

    def watch(self, limits: Limits) -> Report:
        """Scan nothing: see what others have scanned since the last look, and brake if need be; see that the brake holds, and that the trash keeps."""
        report = Report(limits.name, limits.owner)
        try:
            self.checks.queue()
            library, before = self._counted(limits, report)
            if self._scanned_by_others(library, limits, report):
                return self._ended(report, report.outcome, report.message)
            self._hold(report)
            self.checks.trash(report)
            last = self.state.last(library["id"])
            # one that lost too much while the brake was set for another is found when that is released
            if not self._trashed_by_others(library, limits, before, last):
                # what people throw away between two looks is no loss; the import paths are those of the last good scan
                facts = self._facts(library, before)
                self.state.remember(library["id"], facts | {name: last[name] for name in ("import_paths", "accepted") if name in (last or {})})
        except Later as reason:
            report.outcome, report.message = "later", f"Look at {report.what} put off: {reason}"
            return report
        except Refused as reason:
            return self._ended(report, "refused", f"Look at {report.what}: {reason}")
        except (ImmichError, PlanErrors, OSError) as error:
            return self._ended(report, "failed", f"Look at {report.what} failed: {error}")
        counts = f"{before['visible']:,} visible, {before['trashed']:,} in the trash of {report.owner}"
        report.outcome, report.message = "watched", f"Look at {report.what}: nobody scanned too much away ({counts})."
        # a look an hour would fill the records
        return self._ended(report, report.outcome, report.message) if report.notes else report

    def _counted(self, limits: Limits, report: Report) -> tuple[dict[str, Any], dict[str, int]]:
        """The library, and what there is now of it and of its owner."""
        library = self.checks.find(limits, report)
        total = statistics(self._api, library["id"])["total"]
        report.before = scans.counts(self._api, library["ownerId"]) | {"total": total}
        return library, report.before

    def _begin(self, limits: Limits, report: Report) -> dict[str, Any] | None:
        self.checks.hour(limits, report)
        failed = self.checks.queue()
        library, before = self._counted(limits, report)
        total = before["total"]
        if self._scanned_by_others(library, limits, report):
            return None
        self._hold(report)
        self.checks.trash(report)
        if total:
            self.checks.backup(limits)
        self.checks.folders(library, limits, total)
        limit = self.checks.limit(library, limits, report)
        self.checks.unsure(library, report)
        change = Change(report.what, {"refreshed_at": library["refreshedAt"]}, {"refreshed_at": "by this scan"})
        if self._check_mode:
            self._record(change)
            report.message = f"Scan of {report.what} would be started: {report.message or counted(total, 'asset') + ' known'}."
            return None
        # a walk may take minutes
        self.checks.folders(library, limits, total)
        # what the next run compares with, should this one not come to its end
        number, used = self._config.accept.get(limits.name), (self.state.last(library["id"]) or {}).get("accepted")
        # one that is used up is forgotten when the guard is told of none, or of another
        spent = {"accepted": used} if used is not None and used == number else {}
        self.state.remember(library["id"], self._facts(library, before) | {"unfinished": True} | spent)
        if number is not None and limit > allowed(limits.max_removed, before["total"]):
            spent = {"accepted": number}
        begun = {"library": library, "allowed": limit, "before": before, "failed": failed, "quiet": 0, "report": report.shown(), "spent": spent}
        try:
            self._api.post(f"/libraries/{library['id']}/scan", doing=f"start the scan of {report.what}")
        except ImmichError as error:
            if not away(error):
                raise
            # it may have been started all the same: wait and compare as if
        self._record(change)
        return begun

    def _scanned_by_others(self, library: dict[str, Any], limits: Limits, report: Report) -> bool:
        """Whether a scan outside the guard, or one whose guard died, trashed too much since this was looked at last. The brake is set then."""
        last = self.state.last(library["id"])
        report.trashed = self._trashed_by_others(library, limits, report.before or {}, last)
        if last is None or not report.trashed or self._braked(report) is not None:
            report.trashed = 0
            return False
        limit = allowed(limits.max_removed, last["total"])
        what = f"Since {last['at']} {report.what} was scanned outside the guard, or a guard was ended in the middle of a scan"
        if _not_refreshed(last, library):
            what = f"Since {last['at']} as much was trashed as {report.what} has, as by a scan outside the guard that could read none of its import paths"
        did = f"{counted(report.trashed, 'asset')} of {report.owner} went into the trash (limit {limit:,}, {limits.max_removed})"
        self._brake(report, f"{what}, and {did}. If that was wanted: {acceptance(limits.name, report.trashed)}.", library, last)
        if report.outcome == "braked" and not self._check_mode:
            self._remember(report, library, report.before or {})
        return True

    def _trashed_by_others(self, library: dict[str, Any], limits: Limits, now: dict[str, int], last: dict[str, Any] | None) -> int:
        """How many assets went into the trash by scans that no guard compared, if those are too many; or 0."""
        if last is None:
            return 0
        trashed = _newly_trashed(last, now)
        # Where no import path can be read, Immich leaves that time as it is, and trashes all of the library. People throw away less between two looks.
        if _not_refreshed(last, library) and (not last["total"] or trashed < max(last["total"] - last["trashed"], last["total"] / 2)):
            return 0
        within = trashed <= allowed(limits.max_removed, last["total"]) or self.checks.accepted(limits, library) == trashed
        return 0 if within else trashed

    def _hold(self, report: Report) -> None:
        """While the brake is set, see that it still holds: a person, or a run of site.yml, may have changed the settings since."""
        memory = self.state.brake()
        if memory is None or not self._config.brake:
            return
        changes: list[Change] = []
        try:
            set_brake(self._api, self.state, memory, check_mode=self._check_mode, record=changes.append)
        except ImmichError as error:
            report.notes.append(f"Whether the brake still holds is not certain: {error}")
            return
        for change in filter(lambda change: change.changed, changes):
            self._record(change)
            again = "would be" if self._check_mode else "is"
            report.notes.append(f"Somebody changed {', '.join(change.after or ())} while the brake is set; it {again} set again. To end it: {RELEASE}.")

    def pending(self, begun: dict[str, Any]) -> str:
        """What the scan still waits for; nothing when the queue was seen empty twice. A server that restarts is waited for."""
        try:
            queue = queues.Queues(self._api).one("library")
        except ImmichError as error:
            if away(error):
                return AWAY
            begun["error"] = str(error)
            return ""
        if queue.paused and queue.held:
            begun["error"] = "Somebody paused the queue library; resume it (Administration > Job queues)."
            return ""
        begun["quiet"] = 0 if queue.busy else begun["quiet"] + 1
        return f"{queue.what} ({queues.words(queue)})" if queue.busy else "a second look" if begun["quiet"] < 2 else ""

    def finish(self, begun: dict[str, Any], gave_up: str = "") -> Report:
        """Compare, and brake if need be. `gave_up` says why nobody waits any longer."""
        report = Report(**begun["report"])
        unsure = "The scan may go on. The next run compares with the counts before this one, and brakes if need be; run it soon."
        if "error" in begun:
            return self._ended(report, "failed", f"Scan of {report.what} started, and lost sight of: {begun['error']} {unsure}")
        try:
            library, after, failed = self._patiently(lambda: self._after(begun))
        except ImmichError as error:
            return self._ended(report, "failed", f"Scan of {report.what} started, and not to be compared: {error} {unsure}")
        before, limit = begun["before"], begun["allowed"]
        report.after, report.trashed, report.returned = after, _newly_trashed(before, after), max(0, before["trashed"] - after["trashed"])
        did = f"{counted(report.trashed, 'asset')} of {report.owner} went into the trash"
        if report.trashed > limit:
            self._brake(report, f"Scan of {report.what}: {did} (limit {limit:,}).", library, before)
            if report.outcome == "braked":
                self._remember(report, library, after)
            return self._ended(report, report.outcome, report.message)
        if gave_up:
            return self._ended(report, "failed", f"Scan of {report.what} has not ended: {gave_up} {unsure}")
        if library["refreshedAt"] == begun["library"]["refreshedAt"]:
            advice = "See the server's log, and whether it restarted; then run again."
            return self._ended(report, "failed", f"Scan of {report.what} started, and the server did not go through its folders. {advice}")
        if failed > begun["failed"]:
            return self._ended(report, "failed", f"Scan of {report.what}: {counted(failed - begun['failed'], 'job')} failed. The server's log says why.")
        self._remember(report, library, after | begun["spent"], whole=report.plan is not None and self._config.view == "mount")
        back = f", {report.returned:,} came back out of it" if report.returned else ""
        new = max(0, after["total"] - before["total"])
        message = f"Scan of {report.what} done: {counted(new, 'new asset')}, {report.trashed:,} into the trash{back}."
        memory = self._braked(report)
        if after["trashed"] and (memory or report.returned):
            self._what_is_left(library, report)
        if memory:
            # somebody may have emptied the trash since
            since = f", {min(memory['counts']['trashed'], after['trashed']):,} of them from before" if memory.get("owner_id") == library["ownerId"] else ""
            trash = f"{counted(after['trashed'], 'asset')} of {report.owner} {'is' if after['trashed'] == 1 else 'are'} in the trash{since}"
            report.notes.append(f"The brake is set since {memory['since']}; {trash}. When all is back, release it: {RELEASE}.")
        return self._ended(report, "scanned", message)

    def _what_is_left(self, library: dict[str, Any], report: Report) -> None:
        try:
            report.left = left.look(self._api, library)
            report.notes += left.told(report.left, report.owner)
        except ImmichError as error:
            report.notes.append(f"What is still in the trash could not be asked: {error}")

    def _braked(self, report: Report) -> dict[str, Any] | None:
        try:
            return self.state.brake()
        except ImmichError as error:
            report.notes.append(f"Whether the brake is set is not known: {error}")
            return None

    def _after(self, begun: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int], int]:
        library_id = begun["library"]["id"]
        library = self._api.get(f"/libraries/{library_id}", doing="read the library that was scanned", shape=LIBRARY)
        after = scans.counts(self._api, library["ownerId"]) | {"total": statistics(self._api, library_id)["total"]}
        return library, after, queues.Queues(self._api).one("library").failed

    def _remember(self, report: Report, library: dict[str, Any], counts: dict[str, int], *, whole: bool = False) -> None:
        """Keep what the next run compares with: the counts, and when all was good the list of files too."""
        try:
            self.state.remember(library["id"], self._facts(library, counts))
            if whole:
                self.state.keep_walk(library["id"])
        except OSError as error:
            report.notes.append(f"The next run compares with the one before this: {error}.")

    def _brake(self, report: Report, happened: str, library: dict[str, Any], whole: dict[str, Any]) -> None:
        """Set the brake, and say so; or say that it could not be. `whole` are the counts of when nothing was missing."""
        come_back = (
            "Find the files that are missing, put them back and scan again: the assets come back with albums and faces. "
            f"Only then release the brake: {RELEASE}."
        )
        report.outcome = "unbraked"
        if not self._config.brake:
            report.message = f"{happened} The automatic brake is switched off: run playbooks/brake.yml before the server's nightly tasks. {come_back}"
            return
        why = {"why": happened, "owner_id": library["ownerId"], "counts": {name: whole[name] for name in ("visible", "trashed", "total")}}
        try:
            self._set_brake(why, report)
        except (ImmichError, OSError) as error:
            hand = f"Do it by hand, before the server's nightly tasks: {by_hand(self._api)}."
            report.message = f"{happened} THE BRAKE COULD NOT BE SET: {error} {hand} {come_back}"
            return
        report.outcome = "braked"
        braked = f"The brake {'would be' if self._check_mode else 'is'} set: nothing is purged, and the server does not scan by itself."
        report.message = f"{happened} {braked} {come_back}"

    def _set_brake(self, why: dict[str, Any], report: Report) -> None:
        """Set it and remember what it changed; or, where the memory is full, damaged or away, at least set it."""
        for more in (True, False):
            try:
                self._patiently(lambda: set_brake(self._api, self.state, why, check_mode=self._check_mode, record=self._record))
                return
            except (ImmichError, OSError) as error:
                # a person may have released it at this very moment: it is read again
                if more and not self._check_mode:
                    continue
                try:
                    before = self._patiently(lambda: hold(self._api, check_mode=self._check_mode, record=self._record))
                except (ImmichError, OSError):
                    raise error from None
                was = ", ".join(f"{name} was {str(value).lower()}" for name, value in before.items()) or "all of it was set before"
                report.notes.append(f"What the brake changed could not be remembered ({str(error).rstrip('.')}), and has to be put back by hand: {was}.")

    def _patiently(self, action: Callable[[], Any]) -> Any:
        """Do it, and again while the server restarts."""
        for more in range(PATIENCE_S // _PAUSE_S, -1, -1):
            try:
                return action()
            except ImmichError as error:
                if not more or not away(error):
                    raise
                self._sleep(_PAUSE_S)
        raise AssertionError("the last try returns or raises")

    def _facts(self, library: dict[str, Any], counts: dict[str, int]) -> dict[str, Any]:
        return {**counts, "refreshed_at": library["refreshedAt"], "import_paths": library["importPaths"], "at": self._now().isoformat(timespec="seconds")}

    def _ended(self, report: Report, outcome: str, message: str) -> Report:
        report.outcome, report.message = outcome, message
        if not self._check_mode:
            try:
                self.state.record({"at": self._now().isoformat(timespec="seconds"), **asdict(report)})
            except (ImmichError, OSError) as error:
                report.notes.append(f"No record could be kept: {str(error).rstrip('.')}.")
        return report


def _not_refreshed(last: dict[str, Any], library: dict[str, Any]) -> bool:
    """Whether Immich has gone through no folder of the library since, as it says."""
    return last["refreshed_at"] == library["refreshedAt"] and not last.get("unfinished")


def _newly_trashed(before: dict[str, int], after: dict[str, int]) -> int:
    """How many assets went into the trash, by the counts: the rise of the trash, or, where somebody emptied it meanwhile, the fall of what is visible."""
    added = max(0, after["total"] - before["total"])
    return max(0, after["trashed"] - before["trashed"], before["visible"] + added - after["visible"])
