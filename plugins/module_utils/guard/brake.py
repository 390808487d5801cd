# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The brake: nothing is purged, and nothing is scanned by the server itself, until somebody looked."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from ..immich import settings
from ..immich.changes import Change
from ..immich.client import Client
from ..immich.errors import Forbidden, ImmichError
from .state import State

# ten years; with Immich 1.135, where the nightly purge cannot be switched off
FAR_DAYS = 3650
_TRIES = 3


def held(api: Client) -> dict[str, Any]:
    """The settings that hold everything, by dotted name."""
    scans = {"library.scan.enabled": False, "library.watch.enabled": False}
    if api.capabilities.nightly_tasks:
        return {**scans, "nightlyTasks.databaseCleanup": False}
    return {**scans, "trash.enabled": True, "trash.days": FAR_DAYS}


def from_a_file(api: Client) -> bool:
    """Whether the server takes its settings from a file, and refuses changes."""
    return bool(api.get("/server/features", doing="see who owns the settings", shape={"configFile": bool})["configFile"])


def in_force(api: Client) -> bool:
    """Whether the server has all that the brake wants."""
    now = dict(settings.flat(settings.read(api)[1]))
    return all(now.get(name) == value for name, value in held(api).items())


def by_hand(api: Client) -> str:
    """How to brake a server that takes its settings from a file."""
    values = ", ".join(f"{name}: {str(value).lower()}" for name, value in held(api).items())
    return (
        "run playbooks/brake.yml, which restarts the server with other settings where this collection makes the file, and with -e immich_brake=stopped "
        "stops it. "
        f"Elsewhere set {values} in the file of IMMICH_CONFIG_FILE and restart the server, "
        "or scale the server to 0, before its nightly tasks (at midnight by default): nothing is purged while it does not run"
    )


def set_brake(api: Client, state: State, why: Mapping[str, Any], *, check_mode: bool, record: Callable[[Change], None]) -> None:
    """
    Set the brake, and remember what it changed: before anything is changed, so that no end of this process loses it.

    `why` is kept with it: what happened, and the counts of that moment. Raises ImmichError when the brake does not hold.
    """
    wanted = held(api)
    _path, current = settings.read(api)
    have = dict(settings.flat(current))
    known = state.brake()
    memory = known or {"since": moment(), "settings": {}, **why}
    if known and why.get("why") != known.get("why"):
        # who releases it at this very moment finds that it is another one now
        memory["again"] = {"at": moment(), "why": why.get("why")}
    if (not_held := [name for name, value in wanted.items() if have.get(name) != value]) and from_a_file(api):
        # nothing to remember: it is not set
        raise ImmichError(
            f"{', '.join(not_held)} cannot be changed through the API: the server takes them from the file of IMMICH_CONFIG_FILE."
            + (" The brake is in that file, and the server does not have it; run playbooks/brake.yml again." if memory.get("file") else "")
        )
    if not memory.get("file"):
        for name, value in wanted.items():
            # what was remembered first counts: by now the setting may be the brake's own
            memory["settings"].setdefault(name, {"before": have.get(name), "set": value})
    if not check_mode:
        state.set_brake(memory)
    try:
        _ensure(api, wanted, check_mode=check_mode, record=record)
    except Forbidden:
        if known is None and not check_mode:
            state.set_brake(None)  # nothing was changed
        raise


def release(api: Client, state: State, *, check_mode: bool, record: Callable[[Change], None]) -> list[str]:
    """Put back exactly what the brake changed; return the settings that somebody else has changed since, which are left alone."""
    memory = state.brake()
    if memory is None:
        return []
    if memory.get("file") or memory.get("stopped"):
        raise ImmichError("The brake is in the file of the settings, or the server is stopped; playbooks/brake.yml releases it (-e immich_brake=released).")
    _path, current = settings.read(api)
    now = dict(settings.flat(current))
    back, others = {}, []
    for name, change in memory["settings"].items():
        if name not in now or now[name] == change["before"]:
            continue
        if now[name] == change["set"]:
            back[name] = change["before"]
        else:
            others.append(name)
    _ensure(api, back, check_mode=check_mode, record=record)
    if not check_mode:
        try:
            state.set_brake(None)
        except (ImmichError, OSError):
            # a guard brakes again at this very moment, and what is remembered is what holds
            hold(api, check_mode=False, record=record)
            raise
    return others


def hold(api: Client, *, check_mode: bool, record: Callable[[Change], None]) -> dict[str, Any]:
    """Make the settings those of the brake and remember nothing; return what they were before, of those that change."""
    wanted = held(api)
    now = dict(settings.flat(settings.read(api)[1]))
    _ensure(api, wanted, check_mode=check_mode, record=record)
    return {name: now.get(name) for name, value in wanted.items() if now.get(name) != value}


def _ensure(api: Client, wanted: Mapping[str, Any], *, check_mode: bool, record: Callable[[Change], None]) -> None:
    """Make the settings so, and look again: another administrator may save the whole page of settings at the same moment."""
    changes: list[Change] = []
    for _try in range(_TRIES):
        settings.ensure(api, nested(wanted), check_mode=check_mode, record=changes.append)
        if check_mode or not changes[-1].changed:
            break
    else:
        _path, current = settings.read(api)
        now = dict(settings.flat(current))
        if lost := [name for name, value in wanted.items() if now.get(name) != value]:
            raise ImmichError(f"Somebody changes {', '.join(lost)} back while it is set here; agree with the other administrators, and run this again.")
    record(changes[0])


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Write settings by dotted name as the object that they are."""
    result: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, last = name.split(".")
        place = result
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    return result


def moment() -> str:
    """The time, as memories have it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
