# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: that everything has a copy off its volume or is waived by name, and that each backup is possible and has a place of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.plugins.module_utils.immich import versions
from ansible_collections.homelab.immich.plugins.module_utils.volume_backup.config import is_limit
from ansible_collections.homelab.immich.plugins.plugin_utils import backup

from ..model import Host, Inventory, Item, Problem, did_you_mean, listed
from .schedules import KUBERNETES_NAMES, cron_problem
from .volumes import export_of, folder_of, media_location, server_volumes

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_CRONJOB_CHARACTERS = 52  # Kubernetes adds eleven for the Job


class Backup(NamedTuple):
    """One backup of a volume."""

    host: Host
    volume: Item
    at: tuple[str | int, ...]  # below the volume
    value: Mapping[str, Any]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key; the default where it is unset or invalid."""
        value = self.value.get(key)
        return default if value is None else value

    def problem(self, text: str, *keys: str, warning: bool = False) -> Problem:
        """Say what is wrong with this backup."""
        where = f"{self.at[0]}[{self.at[1]}]" if len(self.at) > 1 else str(self.at[0])
        return self.volume.problem(f"{'.'.join((where, *keys))} {text}", *self.at, *keys, warning=warning)

    @property
    def repository(self) -> str:
        """The address, without a slash at its end."""
        return str(self.get("repository", "")).rstrip("/")


def backups_of(host: Host) -> Iterator[Backup]:
    """Every backup of every volume of an instance."""
    for volume in host.list("immich_volumes"):
        given = volume.get("backup")
        for index, entry in enumerate(given if isinstance(given, list) else [given]):
            if isinstance(entry, Mapping):
                yield Backup(host, volume, ("backup", index) if isinstance(given, list) else ("backup",), entry)


def everything_has_a_copy(inventory: Inventory) -> Iterator[Problem]:
    """What cannot be made again has a copy off its own volume, or is waived by name."""
    for host in inventory.instances:
        location, waived = media_location(host), [str(name) for name in host.get("immich_backup_waive", [])]
        if location is None or not host.sound("immich_volumes") or not host.sound("immich_backup_waive"):
            continue
        served = server_volumes(host)
        lacking: dict[int, list[str]] = {}
        for folder in backup.ORIGINALS:
            volume = backup.holder(f"{location}/{folder}", [item.value for item in served])
            for index, item in enumerate(served):
                if item.value is not volume:
                    continue  # that nothing is mounted there is said elsewhere
                copied = any(_leaves(inventory, copy) for copy in backups_of(host) if copy.volume.at == item.at)
                if not copied and folder not in waived:
                    lacking.setdefault(index, []).append(folder)
                elif copied and folder in waived:
                    yield Problem(host.name, f"immich_backup_waive: {folder} has a backup. Take it out.", ("immich_backup_waive",), warning=True)
        all_waived = [*waived, *(folder for folders in lacking.values() for folder in folders)]
        for index, folders in lacking.items():
            item = served[index]
            snapshots = " Snapshots of the NAS are on it, too." if item.get("nfs") or item.get("smb") else ""
            yield item.problem(
                f"{_and(folders)} {'has' if len(folders) == 1 else 'have'} no copy off this volume.{snapshots} Give it a backup (docs/backup.md), "
                f"or say that you do without: immich_backup_waive: [{', '.join(all_waived)}].",
                "backup",
            )
        if why := "" if "database" in waived else _database(host):
            yield Problem(
                host.name,
                f"The database has no copy off its volume: immich_database_backup is not set, and {why}. Albums, faces and names of people are in it alone. "
                f"Set immich_database_backup, or say that you do without: immich_backup_waive: [{', '.join([*all_waived, 'database'])}].",
                ("immich_database_backup",),
            )


def _leaves(inventory: Inventory, copy: Backup) -> bool:
    """Whether a backup goes to another machine than the volume's."""
    return bool(copy.repository) and not _same_server(inventory, copy)


def _same_server(inventory: Inventory, copy: Backup) -> bool:
    export, target = export_of(inventory, copy.volume), copy.get("nfs", {})
    if export is None or not target.get("server"):
        return False
    return target["server"] in (nas.export_address({"inventory_hostname": export.nas.name, **export.nas.values}, export.item.value), export.nas.name)


def _database(host: Host) -> str:
    """Why the database has no copy; nothing when it has one."""
    if (host.get("immich_database_backup") or {}).get("destination"):
        return ""
    dumps = ((host.get("immich_settings") or {}).get("backup") or {}).get("database") or {}
    if isinstance(dumps, Mapping) and dumps.get("enabled") is False:
        return "immich_settings switches Immich's nightly dumps off"
    try:
        as_owner = versions.capabilities(str(host.get("immich_version", ""))).backup_as_owner
    except versions.VersionError:
        return ""
    if host.get("immich_database_privileges") == "least" and not as_owner:
        return f"with immich_database_privileges: least Immich {host.get('immich_version')} cannot make its nightly dumps"
    return ""


def possible(inventory: Inventory) -> Iterator[Problem]:
    """Each backup is one that VolSync can make."""
    for host in inventory.instances:
        for one in backups_of(host):
            volume, schedule = one.volume, one.get("schedule")
            if schedule is not None and (wrong := cron_problem(str(schedule), 5, KUBERNETES_NAMES)):
                yield one.problem(f'is "{schedule}": {wrong}', "schedule")
            if one.repository and (wrong := backup.repository_problem(one.repository, bool(one.get("nfs")))):
                yield one.problem(f"is wrong: {wrong}", "repository")  # it may have a password in it
            if one.get("ca") is not None and bool(one.get("ca", {}).get("config_map")) == bool(one.get("ca", {}).get("secret")):
                yield one.problem("names not exactly one of config_map and secret. Name the one that has the certificate.", "ca")
            if one.get("retain") is not None and not any(one.get("retain", {}).values()):
                yield one.problem(f"keeps nothing but the last snapshot. Write how many are kept, such as {backup.RETAIN}, or remove it.", "retain")
            if one.get("prune_interval_days", 1) < 1:
                yield one.problem(f"is {one.get('prune_interval_days')}. Write 1 or more days.", "prune_interval_days")
            if one.get("max_removed") is not None and not is_limit(one.get("max_removed")):
                yield one.problem(f"is {one.get('max_removed')}. Write a count such as 100, or a percentage such as 10%.", "max_removed")
            if one.get("copy_method", "Direct") != "Direct" and not (volume.get("storage_class") or volume.get("existing_claim")):
                text = f"is {one.get('copy_method')}, but only a storage class makes such a copy. Remove it: this volume is read as it is."
                yield one.problem(text, "copy_method")
            if volume.get("access_mode") == "ReadWriteOncePod":
                yield one.problem("is set, but the volume is ReadWriteOncePod, so that nobody beside its pod can read it. Set access_mode: ReadWriteOnce.")
            if _same_server(inventory, one):
                yield one.problem(
                    f"is on {one.get('nfs', {})['server']}, where the volume is. It does not survive that machine, and counts for no copy.", "nfs", warning=True
                )
            yield from _names(host, one)


def _names(host: Host, one: Backup) -> Iterator[Problem]:
    given, secret = one.get("name"), one.get("secret")
    if given is not None and not _NAME.fullmatch(str(given)):
        yield one.problem(f"is {given}. Use small letters, digits and dashes.", "name")
    if given is None and isinstance(one.volume.get("backup"), list) and len(one.volume.get("backup")) > 1:
        yield one.problem("has no name. Name each of several backups, such as nas and offsite; the names tell their objects apart.")
    if secret is not None and not (secret == backup.PURPOSE or str(secret).startswith(f"{backup.PURPOSE}_")):
        yield one.problem(f"is {secret}. Use {backup.PURPOSE}, or a name that begins with {backup.PURPOSE}_.", "secret")
    job = backup.names(str(one.volume.get("name")), one.value, str(host.get("immich_name")))["job"]
    if len(job) > _CRONJOB_CHARACTERS:
        yield one.problem(f"makes the CronJob {job}, which has {len(job)} characters. Kubernetes takes {_CRONJOB_CHARACTERS}: shorten the names.")


def own_place(inventory: Inventory) -> Iterator[Problem]:
    """No two backups share a repository: each would remove, by its own rules, what the other keeps."""
    everything = [one for host in inventory.instances for one in backups_of(host) if one.repository]
    for first, second in combinations(everything, 2):
        places = [(str((one.get("nfs") or {}).get("server")), str((one.get("nfs") or {}).get("path")), one.repository) for one in (first, second)]
        if places[0] == places[1]:
            how = "is the same as"
        elif places[0][:2] == places[1][:2] and f"{places[0][2]}/".startswith(f"{places[1][2]}/"):
            how = "has in it"
        elif places[0][:2] == places[1][:2] and f"{places[1][2]}/".startswith(f"{places[0][2]}/"):
            how = "is in"
        else:
            continue
        other = f"{first.volume}{'' if first.host.name == second.host.name else f' of {first.host.name}'}"
        yield second.problem(f"{how} the repository of {other}. Give each backup a repository of its own, not one in another.", "repository")


def once(inventory: Inventory) -> Iterator[Problem]:
    """Photos that are somebody else's are copied by him; and no file is copied for two volumes."""
    copied = [one for host in inventory.instances for one in backups_of(host)]
    for one in copied:
        if one.volume.get("access") == "ro" and not one.get("external"):
            yield one.problem(
                "is set, but access is ro: the files are somebody else's, who copies them already, and a second copy costs as much again. Remove it; "
                "if nobody copies them, say external: true in it."
            )
    for first, second in combinations(copied, 2):
        if (first.host.name, first.volume.at) == (second.host.name, second.volume.at):
            continue  # several repositories of one volume
        here, there = folder_of(inventory, first.volume), folder_of(inventory, second.volume)
        if (here and there and here.overlaps(there)) or _claim(first) == _claim(second):
            other = f"{first.volume}{'' if first.host.name == second.host.name else f' of {first.host.name}'}"
            yield second.problem(f"is set, but these files are backed up as {other} already. Keep one of the two; it can have several repositories.")


def _claim(one: Backup) -> tuple[Any, ...]:
    claim = one.volume.get("existing_claim") or f"{one.host.get('immich_name')}-{one.volume.get('name')}"
    return one.host.get("immich_context"), one.host.get("immich_namespace"), claim


def sources(inventory: Inventory) -> Iterator[Problem]:
    """Where the Secret of each backup comes from, and that it can serve that many."""
    for host in inventory.instances:
        if not host.sound("immich_secrets"):
            continue
        given = host.get("immich_secrets", {})
        used: dict[str, list[Backup]] = {}
        for one in backups_of(host):
            if one.repository and not backup.repository_problem(one.repository, bool(one.get("nfs"))):
                used.setdefault(backup.purpose_name(one.value), []).append(one)
        for name, some in used.items():
            entry = given.get(name)
            if entry is None:
                if not host.rehearses:
                    yield Problem(host.name, backup.no_source(name, backup.purpose_for(some[0].repository)), ("immich_secrets",))
                continue
            for text in dict.fromkeys(text for one in some for text in backup.problems(name, entry, one.repository)):
                yield Problem(host.name, f"immich_secrets.{name} {text}", ("immich_secrets", name))
            if len(some) > 1 and (why := backup.serves_one(entry)):
                names = listed(one.volume.get("name") for one in some)
                yield Problem(
                    host.name,
                    f"immich_secrets.{name} is for the backups of {names}, and {why}. Give each a source of its own, and name it as secret in the backup.",
                    ("immich_secrets", name),
                )


def accepted(inventory: Inventory) -> Iterator[Problem]:
    """What is let through once is of a volume that has a backup, and is a number."""
    for host in inventory.instances:
        known = sorted({str(one.volume.get("name")) for one in backups_of(host)})
        given = host.get("immich_backup_accept", {})
        for name, number in given.items() if isinstance(given, Mapping) else ():
            at = ("immich_backup_accept", str(name))
            if name not in known:
                near = did_you_mean(name, known)
                yield Problem(host.name, f"immich_backup_accept.{name} is no volume that has a backup. Those are {listed(known)}.{near}", at)
            elif not isinstance(number, int) or isinstance(number, bool) or number < 1:
                yield Problem(host.name, f"immich_backup_accept.{name} is {number}. Write the number that the refusal names, without quotes.", at)


def _and(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


RULES = (everything_has_a_copy, possible, own_place, once, sources, accepted)
