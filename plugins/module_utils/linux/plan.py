# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is declared and what a Linux host has to the steps between, for all exports at once. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..nas import exports_line, nfs_path, normalise
from .export import Export
from .exports import DROP_IN, Entry, differences, narrowing, parse, render
from .look import NFS_SERVER, as_kept, install_hint
from .steps import Plan, Step


def plan(declared: Iterable[Mapping[str, Any]], seen: Mapping[str, Any], nas: str, users: Mapping[str, list[dict[str, Any]]] | None = None) -> Plan:
    """Every error is found before the first step is taken. `users` are the pods that mount each export: {uid, gid, groups, write}."""
    result, lines = Plan(nas), []
    wanted = [normalise(export) for export in declared]
    before = seen["files"].get(DROP_IN, "")
    exported = {entry.path for entry in parse(before)}
    places = {nfs_path(export, "linux") for export in wanted if export["dataset"] or export["path"]}
    for export in wanted:
        one = Export(export, seen, exported, places, result)
        one.decide()
        if not one.failed:
            one.warn_of_groups((users or {}).get(one.name, []))
            lines.append((one.name, exports_line({**one.wanted, "path": one.path}, one.mountpoint)))
    service = seen["service"]
    if not service["installed"]:
        result.refuse(f"there is no NFS server. Install it: {install_hint(NFS_SERVER)}.")
    if result.errors:
        return result
    result.text = render(lines)
    result.entries = as_kept(parse(result.text, DROP_IN))
    if before != result.text:
        result.steps.append(Step("file", DROP_IN, (), before, result.text))
    if not (service["enabled"] and service["active"]):
        state = f"{'enabled' if service['enabled'] else 'disabled'} and {'active' if service['active'] else 'inactive'}"
        result.steps.append(Step("service", "nfs-server", (), f"{state}\n", "enabled and active\n"))
    table = parse(seen["etab"])
    different = differences(result.entries, table)
    if before == result.text and service["active"] and different:
        result.steps.append(Step("reload", "exportfs -ra", (), "".join(f"{text}\n" for text in different), ""))
    for text in narrowing(as_kept(parse(before)), result.entries, seen["clients"]):
        result.warn(text)
    _warn_of_missing_files(result, seen["files"], table, exported)
    return result


def _warn_of_missing_files(result: Plan, files: Mapping[str, str], table: Iterable[Entry], exported: set[str]) -> None:
    """What somebody exported by hand, in no file, does not survive `exportfs -ra`."""
    listed = {(entry.path, entry.client) for file, text in files.items() for entry in as_kept(parse(text, file))}
    by_hand = [f"{entry.path} to {entry.client}" for entry in table if (entry.path, entry.client) not in listed and entry.path not in exported]
    if by_hand and any(step.kind in ("file", "reload") for step in result.steps):
        result.warn(f"exported by hand and in no file, so not after this run: {', '.join(by_hand)}. Write them to a file to keep them.")
