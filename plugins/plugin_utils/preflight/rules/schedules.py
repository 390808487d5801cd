# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron expressions: five fields for Immich's scans and for NAS snapshots, six for CloudNativePG's backups."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from ansible_collections.homelab.immich.plugins.module_utils.guard.config import ConfigError, quiet
from ansible_collections.homelab.immich.plugins.module_utils.guard.signals import Webhook
from ansible_collections.homelab.immich.plugins.module_utils.paths import within
from ansible_collections.homelab.immich.plugins.plugin_utils import cron
from ansible_collections.homelab.immich.plugins.plugin_utils.calendar_events import minutes_of_day
from ansible_collections.homelab.immich.plugins.plugin_utils.schedules import EXCLUSIVE

from ..model import Inventory, Problem
from .volumes import server_volumes

# what both Kubernetes and Immich read
KUBERNETES_NAMES = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly")
_NAMED_CNPG = (*KUBERNETES_NAMES, "@midnight", "@annually")


def scans(inventory: Inventory) -> Iterator[Problem]:
    """When libraries are scanned."""
    for host in inventory.instances:
        for library in host.list("immich_libraries"):
            schedule = (library.get("scan") or {}).get("schedule")
            if schedule is not None and (wrong := cron_problem(str(schedule), 5, KUBERNETES_NAMES)):
                yield library.problem(f'scan.schedule is "{schedule}": {wrong}', "scan", "schedule")


def scan_hosts(inventory: Inventory) -> Iterator[Problem]:
    """The host whose systemd starts the scans."""
    for host in inventory.instances:
        if host.get("immich_scan_owner") == "host" and not host.get("immich_scan_host") and host.sound("immich_scan_host"):
            text = "immich_scan_owner is host, and immich_scan_host is not set. Name the host of the inventory whose systemd starts the scans, such as the NAS."
            yield Problem(host.name, text, ("immich_scan_owner",))


def loud_hours(inventory: Inventory) -> Iterator[Problem]:
    """A schedule that comes in quiet hours alone is never kept."""
    for host in inventory.instances:
        for library in host.list("immich_libraries"):
            scan = library.get("scan") or {}
            schedule = str(scan.get("schedule") or "")
            if not schedule or cron_problem(schedule, 5, KUBERNETES_NAMES):
                continue
            try:
                hours = quiet("scan.quiet_hours", scan.get("quiet_hours"))
            except ConfigError:
                continue  # told by the rules of the libraries
            times = [datetime.time(*divmod(minute, 60)) for minute in minutes_of_day(schedule)]
            if hours and all(any(span.covers(time) for span in hours) for time in times):
                yield library.problem(
                    f"scan.schedule is \"{schedule}\", which comes in its quiet hours alone, so that it is never scanned. Change one of both.",
                    "scan",
                    "schedule",
                )


def scans_can_look(inventory: Inventory) -> Iterator[Problem]:
    """The guard of a schedule mounts what the server mounts, at the same time."""
    for host in inventory.instances:
        exclusive = [str(volume.get("mount")) for volume in server_volumes(host) if volume.get("access_mode") == EXCLUSIVE]
        for library in host.list("immich_libraries") if host.get("immich_scan_owner") == "cluster" else ():
            if library.get("state") == "absent" or not (library.get("scan") or {}).get("schedule"):
                continue
            for path in library.get("import_paths") or []:
                if hidden := next((mount for mount in exclusive if within(str(path), mount)), None):
                    yield library.problem(
                        f"scan.schedule is set, but the volume at {hidden} is {EXCLUSIVE}, so that no guard can look at {path} beside the server. "
                        "Set its access_mode to ReadWriteOnce, or remove the schedule.",
                        "scan",
                        "schedule",
                    )


def webhooks(inventory: Inventory) -> Iterator[Problem]:
    """Where the guard sends its messages."""
    for host in inventory.instances:
        hook = host.get("immich_guard_webhook")
        if isinstance(hook, Mapping) and hook.get("kind") and hook.get("url"):
            try:
                Webhook.read({"kind": hook["kind"], "url": hook["url"]})
            except ConfigError as error:
                yield Problem(host.name, f"immich_guard_webhook.url is {hook['url']}: {error}", ("immich_guard_webhook", "url"))


def pushgateways(inventory: Inventory) -> Iterator[Problem]:
    """Where the guard pushes its metrics to."""
    for host in inventory.instances:
        address = str(host.get("immich_guard_pushgateway", ""))
        parts = urlsplit(address)
        if address and (parts.scheme not in ("http", "https") or not parts.hostname or "/metrics/job/" in parts.path or parts.query):
            text = f"immich_guard_pushgateway is {address}. Write its address without the job, such as http://pushgateway.monitoring.svc:9091."
            yield Problem(host.name, text, ("immich_guard_pushgateway",))


def backups(inventory: Inventory) -> Iterator[Problem]:
    """When the database is backed up."""
    for host in inventory.instances:
        backup = host.get("immich_database_backup", {})
        schedule = backup.get("schedule") if isinstance(backup, Mapping) else None
        if schedule is not None and (wrong := cron_problem(str(schedule), 6, _NAMED_CNPG)):
            yield Problem(host.name, f'immich_database_backup.schedule is "{schedule}": {wrong}', ("immich_database_backup", "schedule"))


def snapshots(inventory: Inventory) -> Iterator[Problem]:
    """When the NAS takes snapshots."""
    for host in inventory.nas:
        for export in host.list("nas_exports"):
            wanted = export.get("snapshots") or {}
            schedule = wanted.get("schedule")
            if schedule is not None and (wrong := cron_problem(str(schedule), 5, ())):
                yield export.problem(f'snapshots.schedule is "{schedule}": {wrong}', "snapshots", "schedule")


def cron_problem(expression: str, count: int, named: tuple[str, ...]) -> str:
    """What is wrong with a cron expression, as a sentence; nothing when it is fine."""
    fields = expression.split()
    example = "0 3 * * *" if count == 5 else "0 0 3 * * *"
    if expression.startswith("@"):
        return "" if expression in named else f'use {"one of " + ", ".join(named) + ", or " if named else ""}{_words(count)} fields such as "{example}".'
    if len(fields) != count:
        hint = ""
        if count == 6 and len(fields) == 5:
            hint = f', seconds first: "0 {expression}"'
        elif count == 5 and len(fields) == 6:
            hint = f', without seconds: "{" ".join(fields[1:])}"'
        return f"it has {len(fields)} fields. Write {_words(count)}{hint or f', such as {chr(34)}{example}{chr(34)}'}."
    values = []
    for field, (name, low, high, names) in zip(fields, cron.FIELDS[6 - count :], strict=True):
        allowed = cron.values(field, low, high, names)
        if allowed is None:
            spelled = f" or {next(iter(names))}-{list(names)[-1]}" if names else ""
            return f"{field} is no {name}. Use {low}-{high}{spelled}, *, lists, ranges and steps such as */2."
        values.append(allowed)
    if count == 6 and len(values[0]) > 1:
        return f"its first field is seconds, and {fields[0]} starts it several times a minute. Write 0 first."
    days, months, weekdays = values[-3:]
    longest = max(29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in months)
    if len(weekdays) == 7 and min(days) > longest:
        return f"there is no day {min(days)} in the months that it names."
    return ""


def _words(count: int) -> str:
    return {5: "five", 6: "six"}[count]


RULES = (scans, scan_hosts, loud_hours, scans_can_look, webhooks, pushgateways, backups, snapshots)
