# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at before a scan: each check lets it through, puts it off or refuses it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..immich import backups, queues, scans, settings
from ..immich.changes import Change
from ..immich.client import Client
from ..immich.errors import Forbidden, ImmichError
from ..immich.libraries import keeps, list_libraries
from ..immich.users import list_users
from ..paths import within
from .brake import by_hand
from .config import Config, Limits, allowed
from .crawl import SENTINELS, rules
from .manifest import Plan, compare, plan, read, write
from .report import Report, acceptance, counted, planned, removed
from .state import State
from .views import View

TRASH_DAYS = 7
_TRASH_DAYS_SET = 30
LIBRARY = {"id": str, "name": str, "ownerId": str, "importPaths": [str], "exclusionPatterns": [str], "refreshedAt": (str, None)}


class Refused(Exception):
    """A scan that must not be."""


class Later(Exception):
    """A scan whose time it is not."""


class Checks:
    """The checks of one run."""

    def __init__(
        self,
        api: Client,
        view: View,
        config: Config,
        wanted: Sequence[Limits],
        state: State,
        *,
        now: Callable[[], datetime.datetime],
        check_mode: bool,
        record: Callable[[Change], None],
    ) -> None:
        self._api, self._view, self._config, self._state, self._now = api, view, config, state, now
        self._check_mode, self._record, self._wanted = check_mode, record, wanted
        # identifier and e-mail address of the owner, by name and owner as they are wanted
        self._known: dict[tuple[str, str], tuple[str, str]] = {}

    def hour(self, limits: Limits, report: Report) -> None:
        """Keep the quiet hours; who only looks is told of them."""
        now = self._now().astimezone(backups.zone(self._config.timezone)).time()
        covering = [quiet for quiet in limits.quiet_hours if quiet.covers(now)]
        if not covering or self._config.in_quiet_hours:
            return
        until = f"these are its quiet hours, until {covering[0].ends:%H:%M} ({self._config.timezone})."
        if not self._check_mode:
            raise Later(f"{until} To scan all the same: -e immich_scan_in_quiet_hours=true (or --in-quiet-hours).")
        report.notes.append(f"It would be put off now: {until}")

    def queue(self) -> int:
        """See that the server is free; return how many jobs failed before."""
        queue = queues.Queues(self._api).one("library")
        if queue.paused:
            raise Refused("the queue library is paused, so nothing would be scanned. Resume it (Administration > Job queues).")
        if queue.busy:
            raise Later(f"the server is busy with libraries ({queues.words(queue)}). Nothing was changed; run again when it is done.")
        return queue.failed

    def learn(self) -> None:
        """Find the libraries on the server; all that are missing or ambiguous at once."""
        emails = {user["id"]: user["email"].lower() for user in list_users(self._api)}
        listed = list_libraries(self._api)
        names = [{"name": limits.name, "owner": limits.owner} for limits in self._wanted]
        scans.chosen(listed, emails, names)
        found = [scans.chosen(listed, emails, [name])[0] for name in names]
        self._known = {(name["name"], name["owner"]): (item["id"], emails.get(item["ownerId"], "")) for name, item in zip(names, found, strict=True)}

    def find(self, limits: Limits, report: Report) -> dict[str, Any]:
        """Read the library as it is now."""
        if not self._known:
            self.learn()
        library_id, report.owner = self._known[limits.name, limits.owner]
        return self._api.get(f"/libraries/{library_id}", doing=f"read {report.what}", shape=LIBRARY)

    def trash(self, report: Report) -> None:
        """Make sure that what a scan trashes can come back for a while."""
        features = self._api.get("/server/features", doing="see whether the trash is on", shape={"trash": bool, "configFile": bool})
        days = self._api.get("/server/config", doing="see how long the trash keeps", shape={"trashDays": int})["trashDays"]
        if features["configFile"] and self._config.brake:
            report.notes.append(f"The automatic brake cannot work, because the server takes its settings from a file. When it is needed: {by_hand(self._api)}.")
        if features["trash"] and days >= TRASH_DAYS:
            return
        wrong = "the trash is off" if not features["trash"] else f"the trash keeps for {counted(days, 'day')} only"
        try:
            settings.ensure(
                self._api, {"trash": {"enabled": True, "days": max(days, _TRASH_DAYS_SET)}}, check_mode=self._check_mode, record=self._record
            )
        except ImmichError as error:
            advice = f"set trash.enabled to true and trash.days to {TRASH_DAYS} or more"
            raise Refused(f"{wrong}, so what a scan does not find would be gone before anybody looks; {advice}. It could not be done here: {error}") from error
        report.notes.append(f"{wrong[0].upper()}{wrong[1:]}; it {'would be' if self._check_mode else 'was'} set to {max(days, _TRASH_DAYS_SET)} days first.")

    def backup(self, limits: Limits) -> None:
        """See that there is a database backup to go back to."""
        if not limits.max_age_of_backup:
            return
        if not self._api.capabilities.backups_api:
            raise Refused(f"max_age_of_backup is set, and Immich {self._api.version} does not tell its backups (v2.5.0 or later does). Leave it out.")
        hours = limits.max_age_of_backup / 3600
        try:
            listed = backups.list_backups(self._api, backups.zone(self._config.timezone))
        except Forbidden as error:
            raise Refused(f"max_age_of_backup is set, and the key may not see the backups (permission maintenance). {error}") from error
        if not backups.fresh(listed, hours, self._now()):
            newest = f"the newest is {listed[0].filename}" if listed else "there is none"
            raise Refused(f"no database backup is younger than {hours:g} h ({newest}). Make one (homelab.immich.database_backup), then run again.")

    def folders(self, library: dict[str, Any], limits: Limits, total: int) -> None:
        """See that each import path is there, and is what it should be."""
        stake = f"A scan could put all {counted(total, 'asset')} into the trash. Nothing was changed."
        paths = library["importPaths"]
        if not paths:
            raise Refused(f"it has no import path. {stake} Give it its folders back.")
        sentinels = [path for path in self._config.sentinels if any(_related(path, folder) for folder in paths)]
        own = [f"{self._config.media}/encoded-video"] if self._config.media and self._view.counts_files else []
        wrong = self._view.problems(library, [*paths, *sentinels, *own])
        if missing := [f"{path} ({wrong[path]})" for path in sentinels if path in wrong]:
            raise Refused(
                f"the sentinel {', '.join(missing)} is not there, so the export is probably not mounted where Immich looks, or another one is. {stake} "
                "Mount the export on the NAS and on the node, restart the pod of the server if it still sees the old mount, and run again. "
                "If the photos are there and only the sentinel is gone, make that folder again."
            )
        if unseen := [f"{path} ({wrong[path]})" for path in (*paths, *own) if path in wrong]:
            raise Refused(f"{', '.join(unseen)} cannot be read where Immich looks. {stake} Mount the folder, or correct the import path, and run again.")
        last = self._state.last(library["id"]) or {}
        lost = [path for path in last.get("import_paths", []) if not any(keeps(prefix, path) for prefix in paths)]
        if lost and total and not self._view.counts_files and self.accepted(limits, library) != total:
            raise Refused(
                f"{', '.join(lost)} was an import path at the last scan and is none any more, and all below it would go into the trash. {stake} "
                f"Put it back; to let this through once: {acceptance(limits.name, total)}."
            )

    def limit(self, library: dict[str, Any], limits: Limits, report: Report) -> int:
        """Compare the files with the last good scan; return how many the scan may trash."""
        total = (report.before or {})["total"]
        accepted = self.accepted(limits, library)
        told = self._config.plans.get(limits.name) if self._config.view == "zfs" else None
        if self._config.view == "zfs" and told is None:
            report.notes.append("There is no snapshot of an earlier good scan to compare with; the next run has one.")
        if not self._view.counts_files and told is None:
            report.unchecked = ["max_removed", *(name for name in ("min_files", "settle") if getattr(limits, name))]
            return max(allowed(limits.max_removed, total), total if accepted == total else 0)
        found = self._walk(library) if told is None else Plan(**told)
        report.plan = found.shown()
        report.message = planned(found)
        gone = found.removed
        if found.known is None:
            # the trash of the owner may be of this library or not: at least these
            gone = max(0, total - (report.before or {})["trashed"] - found.found) if found.found else total
        base = total if found.known is None else found.known
        limit = allowed(limits.max_removed, base)
        # one outside the import paths of today was not looked for
        if lost := [path for path in found.sentinels_lost if any(within(path, folder) for folder in library["importPaths"])]:
            raise Refused(
                f"{lost[0]} was there at the last good scan and is not now: a dataset below the export is probably not mounted. "
                f"{removed(found)} A scan would trash {gone:,} of {counted(base, 'asset')}. Nothing was changed. Mount it, or make the folder again."
            )
        if found.unreadable:
            raise Refused(
                f"{counted(found.unreadable, 'file')} cannot be read, and a scan would trash them as if they were gone. {removed(found)} "
                "Nothing was changed. Put the permissions or the disk right and run again."
            )
        if found.found < limits.min_files:
            raise Refused(f"only {counted(found.found, 'file')} are there (min_files {limits.min_files:,}). {removed(found)} Nothing was changed.")
        if gone > limit and accepted != gone:
            other = f" What was accepted ({accepted:,}) was something else." if accepted else ""
            if accepted is None and limits.name in self._config.accept:
                other = (
                    f" The acceptance of {self._config.accept[limits.name]:,} was used up by an earlier scan, which an old one cannot be twice; take it away "
                    "(site.yml without immich_scan_accept), and let the guard look once without it."
                )
            raise Refused(
                f"it would trash {gone:,} of {counted(base, 'asset')} (limit {limit:,}, {limits.max_removed}). {removed(found)}{other} "
                f"Nothing was changed. Put the files back and run again; to let exactly this through once: {acceptance(limits.name, gone)}."
            )
        age = self._now().timestamp() - found.youngest
        if found.added and age < limits.settle:
            raise Later(f"files are still arriving, the last one {max(0, int(age))} s ago (settle {limits.settle} s). Nothing was changed.")
        return max(limit, gone)

    def accepted(self, limits: Limits, library: dict[str, Any]) -> int | None:
        """The number that somebody accepted, unless a scan has used it up: it may stand in a config for months, and as many others may go."""
        number = self._config.accept.get(limits.name)
        return None if number == (self._state.last(library["id"]) or {}).get("accepted") else number

    def _walk(self, library: dict[str, Any]) -> Plan:
        known, seen = self._state.manifest(library["id"]), self._view.files(library, rules(library["exclusionPatterns"]))
        if not self._check_mode:
            seen = write(self._state.walked(library["id"]), seen)
        return plan(read(known) if known.exists() else None, seen, self._now().timestamp())

    def paths(self, limits: Limits) -> Iterator[tuple[str, str]]:
        """Say what a scan would do by file: + new, - removed, ! not readable."""
        if not self._view.counts_files:
            raise ImmichError("Immich does not tell its files; look from here with view: mount.")
        library = self.find(limits, Report(limits.name, limits.owner))
        known = self._state.manifest(library["id"])
        signs = {"added": "+", "removed": "-", "unreadable": "!"}
        for what, item in compare(read(known) if known.exists() else None, self._view.files(library, rules(library["exclusionPatterns"]))):
            if what in signs:
                yield signs[what], item.path

    def unsure(self, library: dict[str, Any], report: Report) -> None:
        """Note what could not be made certain."""
        bare = [folder for folder in library["importPaths"] if not any(_related(path, folder) for path in self._config.sentinels)]
        if bare:
            report.notes.append(f"No sentinel is known for {', '.join(bare)}: that it is mounted is not certain.")
        if report.unchecked:
            unchecked = ", ".join(report.unchecked)
            report.notes.append(f"Not compared before the scan, because Immich does not tell its files: {unchecked}. Afterwards its counts are.")


def _related(sentinel: str, folder: str) -> bool:
    """Whether a sentinel says something about a folder: it is in the root of the export that holds it, or of one mounted below it."""
    root, folder = f"{sentinel.rpartition(f'/{SENTINELS}/')[0]}/", f"{folder.rstrip('/')}/"
    return folder.startswith(root) or root.startswith(folder)
