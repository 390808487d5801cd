# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary at the end of a run: what exists now, where, and what to do next. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import scaling

from . import backup, ways_in

Row = tuple[str, str]

NAS_NAMES = {"truenas": "TrueNAS", "nixos": "NixOS", "linux": "Linux", "none": "somebody else's"}


def plural(count: int, noun: str) -> str:
    """1 export, 2 exports, 2 libraries."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def nas_rows(hosts: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """One line for each NAS: what was verified there, or why it was not."""
    rows = []
    for name, host in hosts.items():
        verified = host.get("__nas_verified") or {}
        kind = NAS_NAMES.get(host.get("nas_provider", "none"), host.get("nas_provider", "none"))
        if verified.get("skipped"):
            state = f"not verified: {verified['skipped']}"
        elif verified:
            findings = len(verified.get("findings") or [])
            sentinels = "sentinels in place" if verified.get("sentinels_ok") else "a sentinel is missing: no guarded scan before it is there"
            if verified.get("planned"):  # in check mode, what is there is not what would be
                sentinels = f"{plural(verified['planned'], 'thing')} to be made or changed"
            state = f"{plural(verified.get('exports', 0), 'export')}, {sentinels}" + (f", {plural(findings, 'finding')}" if findings else "")
        else:
            state = "not visited in this run"
        rows.append(("NAS", f"{name} ({kind})  {state}"))
        rows += [("NAS", f"  {finding['message']}") for finding in verified.get("findings") or []]
    return rows


def nas_steps(hosts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a person has still to do for each NAS: what the role could not do by itself, such as the sentinels of somebody else's."""
    return [f"{name}: {step}" for name, host in hosts.items() for step in (host.get("__nas_verified") or {}).get("next") or []]


def volumes_text(volumes: Sequence[Mapping[str, Any]]) -> str:
    """How many volumes, and which are read-only."""
    read_only = [volume["name"] for volume in volumes if volume.get("access") == "ro"]
    return f"{len(volumes)}" + (f"  ({', '.join(read_only)} read-only)" if read_only else "")


def backup_rows(instance: Mapping[str, Any]) -> list[Row]:
    """Which volumes have a copy elsewhere, and what has none by the inventory's own word."""
    copied = [f"{volume['name']} ({entry['schedule']})" for volume in instance["immich_volumes"] for entry in backup.entries(volume)]
    waived = instance.get("immich_backup_waive") or []
    return [("Backups", ", ".join(copied))] * bool(copied) + [("No copy of", f"{', '.join(waived)}  (waived)")] * bool(waived)


def library_rows(libraries: Sequence[Mapping[str, Any]], owner: str) -> list[Row]:
    """One line for each library, and who scans it when: Immich's own timer stays off."""
    rows = []
    for library in libraries:
        scan = library.get("scan") or {}
        when = "scanned by playbooks/scan.yml only"
        if scan.get("schedule"):
            limit = f"{scan['schedule']}, at most {scan.get('max_removed', '1%')} removed"
            when = f"guarded scans ({limit})" if owner == "cluster" else f"{when}; immich_scan_owner {owner} starts none by the clock ({limit})"
        rows.append(("Library", f"{library['name']}  {' '.join(library['import_paths'])}  {when}"))
    return rows


def autoscaling_rows(instance: Mapping[str, Any]) -> list[Row]:
    """What is autoscaled, and what the nodes need room for."""
    rows = []
    for component in ("server", "machine_learning"):
        scaled = instance.get(f"immich_{component}_autoscaling") or {}
        if not scaled or component == "machine_learning" and not instance.get("immich_machine_learning_enabled", True):
            continue
        pods = int(scaled.get("max", 1))
        room = scaling.said(scaling.asked(instance.get(f"immich_{component}_resources") or {}, pods))
        rows.append(("Autoscaling", f"{component.replace('_', ' ')}  {scaled.get('min', 1)} to {pods} pods, which ask the nodes for up to {room}"))
    return rows


def objects_text(applied: Sequence[Mapping[str, Any]], check: bool) -> str:
    """How many Kubernetes objects the run changed, or would change."""
    total = applied[-1].get("total", 0) if applied else 0  # the last one applies everything
    created = sum(result.get("created", 0) for result in applied)
    changed = sum(result.get("updated", 0) for result in applied)
    removed = sum(len(result.get("pruned") or []) for result in applied)
    would = "would be " if check else ""
    parts = [f"{count} {would}{word}" for count, word in ((created, "created"), (changed, "changed"), (removed, "removed")) if count]
    return f"{plural(total, 'object')}{'' if check else ' in the cluster'}: {', '.join(parts) or 'nothing to change'}"


def kept_rows(applied: Sequence[Mapping[str, Any]], configured: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """What is no longer in the inventory and was kept, for it may hold data; a person decides."""
    left = applied[-1].get("leftovers") or () if applied else ()
    objects = [("Kept", f"{kept['object']}, no longer wanted. To remove it: {kept['command']}") for kept in left]
    others = (configured.get("libraries") or {}).get("unmanaged") or []
    return objects + [("Kept", f"library {library['name']} of {library['owner'] or 'a deleted user'}, not in the inventory") for library in others]


def immich_text(configured: Mapping[str, Mapping[str, Any]], check: bool) -> str:
    """What changed in Immich itself."""
    changed = [name for name, result in configured.items() if result.get("changed")]
    if not changed:
        return "nothing to change"
    return ("would change: " if check else "changed: ") + ", ".join(changed)


def plan_text(instance: Mapping[str, Any]) -> str:
    """What the first real run configures once the server has started."""
    users = instance.get("immich_users") or []
    libraries = instance.get("immich_libraries") or []
    parts = [f"administrator {instance['immich_admin_email']}", "an API key", "settings"]
    if users:
        parts.append(plural(len(users), "user"))
    if libraries:
        parts.append(f"{'library' if len(libraries) == 1 else 'libraries'} {', '.join(library['name'] for library in libraries)}")
    return "after the first start: " + ", ".join(parts)


def database_text(instance: Mapping[str, Any]) -> str:
    """Who runs the database, and where."""
    if instance.get("immich_database_provider") != "external":
        return plural(int(instance["immich_database_instances"]), "instance")
    played = " (played by its name, and not looked at)" if instance.get("immich_rehearsal") else ""
    looked_at = "" if instance.get("immich_database_admin_user") or played else " (not looked at: no immich_database_admin_user)"
    return f"on {instance['immich_database_host']}{played}{looked_at}"


def ingress_text(ingresses: Sequence[Mapping[str, Any]]) -> str:
    """The hosts that lead in."""
    hosts = [host for ingress in ingresses for host in ingress.get("hosts") or []]
    tls = "TLS" if any(ways_in.secure(way) for way in ingresses) else "no TLS"
    return f"{', '.join(hosts)}  {tls}" if hosts else "none"


def rows(
    instance: Mapping[str, Any],
    nas: Mapping[str, Mapping[str, Any]],
    applied: Sequence[Mapping[str, Any]],
    configured: Mapping[str, Mapping[str, Any]],
    reached: bool,
    check: bool,
    initialized: bool = False,
) -> list[Row]:
    """Everything that the summary says, as label and text."""
    lines = nas_rows(nas)
    database = f"PostgreSQL {instance['immich_database_postgres']}, VectorChord {instance['immich_database_vectorchord']}"
    lines.append(("Database", f"{database}, {database_text(instance)}, {instance['immich_database_privileges']}"))
    lines.append(("Volumes", volumes_text(instance["immich_volumes"])))
    lines += backup_rows(instance)
    lines.append(("Way in", ingress_text(instance.get("immich_ingress") or [])))
    lines.append(("Users", f"{instance['immich_admin_email']}" + "".join(f", {user['email']}" for user in instance.get("immich_users") or [])))
    lines += autoscaling_rows(instance)
    lines += library_rows(instance.get("immich_libraries") or [], instance["immich_scan_owner"])
    lines.append(("Kubernetes", objects_text(applied, check)))
    plan = "not compared: check mode needs a running server and a stored API key" if initialized else plan_text(instance)
    lines.append(("Immich", immich_text(configured, check) if reached else plan))
    return lines + kept_rows(applied, configured)


def heading(instance: Mapping[str, Any], check: bool) -> str:
    """The first line: which instance, where, which version."""
    notes = [note for note, wanted in (("rehearsal", instance.get("immich_rehearsal")), ("check mode: nothing was changed", check)) if wanted]
    return f"Immich {instance['inventory_hostname']}  {instance['immich_url']}  {instance['immich_version']}" + (f"   ({', '.join(notes)})" if notes else "")


def render(first: str, lines: Sequence[Row], next_steps: Sequence[str]) -> str:
    """Lay the summary out as text, labels in a column of their own, a repeated label left blank."""
    width = max(len(label) for label, _text in lines) + 2
    text = [first]
    previous = ""
    for label, content in lines:
        text.append(f"  {'' if label == previous else label:<{width}}{content}")
        previous = label
    for number, step in enumerate(next_steps):
        text.append(f"{'Next:' if number == 0 else '':<{width + 2}}{step}")
    return "\n".join(text)
