# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the next generation of a NixOS NAS: one script for its shell (rebuild.sh), and what it says."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.plugins.module_utils.linux.exports import parse

from .look import HEAD, PATTERN, Seen, facts
from .module import export_lines

# A mount that is no longer as it was looked at is left alone: the look afterwards says so.
_MAKE = """umask 022
make() { # the sentinel, the line of its mount
    grep -qxF -- "$2" "$root/proc/self/mountinfo" || return 0
    mkdir -p "$1" || { tell missing "$1"; exit 1; }
}
"""


@dataclasses.dataclass(frozen=True)
class Place:
    """What is rebuilt: a checkout on the NAS, our file in it, and which configuration of a flake."""

    checkout: str
    file: str
    configuration: str = ""
    intent_to_add: bool = False


@dataclasses.dataclass
class Outcome:
    """What a rebuild did, or would do."""

    wrote: bool = False
    switched: bool = False
    plan: list[str] = dataclasses.field(default_factory=list)  # what dry-activate says
    failed: str = ""
    log: list[str] = dataclasses.field(default_factory=list)
    units: str = ""  # that failed before, and let nixos-rebuild fail too
    uncommitted: bool = False  # the file is in a git repository, which has not seen it so
    boots: str = ""  # the generation that the next start takes, where that is not the one that runs


def rebuild_script(place: Place, text: str, exports: Sequence[Mapping[str, Any]], mountpoints: Mapping[str, str], check: bool) -> str:
    """The script: the file with this text, built, and switched to unless this is check mode."""
    lines = export_lines(exports, mountpoints)
    clients = [f"{entry.client if PATTERN.search(entry.client) else '-'} {entry.path}" for entry in parse("\n".join(lines))]
    given = {
        "checkout": place.checkout,
        "file": place.file,
        "configuration": place.configuration,
        "intent": "yes" if place.intent_to_add else "no",
        "check": "yes" if check else "no",
        "text": text,
        "lines": "\n".join(lines),
        "clients": "\n".join(clients),
    }
    return (
        HEAD + "".join(f"{name}={shlex.quote(value)}\n" for name, value in given.items()) + Path(__file__).with_name("rebuild.sh").read_text(encoding="utf-8")
    )


def read_outcome(printed: str) -> Outcome:
    """What the script said."""
    found: dict[str, list[str]] = {}
    for key, value in facts(printed):
        found.setdefault(key, []).append(value)
    return Outcome(
        wrote="wrote" in found,
        switched="switched" in found or "differs" in found,
        plan=found.get("plan", []),
        failed=" ".join(found.get("failed", [])),
        log=found.get("log", []),
        units="".join(found.get("units", [])).strip(),
        uncommitted="uncommitted" in found,
        boots="".join(found.get("boots", [])),
    )


def sentinel_script(exports: Iterable[Mapping[str, Any]], seen: Seen) -> tuple[list[str], str]:
    """The sentinels that are missing, and the script that makes them, each only while the mount that was looked at is still there."""
    missing, lines = [], []
    for export in exports:
        for key, folder in seen.folders.items():
            name, _space, place = key.partition(" ")
            if name == export["name"] and folder.is_folder and not folder.sentinel and (mount := seen.mount_of(place)) is not None:
                target = f"{place}/{nas.sentinel_path(export)}"
                missing.append(target)
                lines.append(f"make {shlex.join([target, seen.mount_lines[mount]])}")
    return missing, HEAD + _MAKE + "\n".join(lines)
