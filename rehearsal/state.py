# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a rehearsal lives on this machine, and how others find it. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class RehearsalError(Exception):
    """Something that a person can read and act upon."""


class NotRunning(RehearsalError):
    """There is no rehearsal for this inventory."""


def _base(variable: str, fallback: str) -> Path:
    """The XDG folder of this collection."""
    return Path(os.environ.get(variable) or Path.home() / fallback) / "homelab-immich"


def cache() -> Path:
    """Built binaries and extracted CRDs, keyed by the hash of what they come from; shared by all rehearsals."""
    return _base("XDG_CACHE_HOME", ".cache")


def homes() -> Path:
    """The folder that holds every rehearsal of this user."""
    return _base("XDG_STATE_HOME", ".local/state") / "rehearsals"


def home(inventory: str | os.PathLike[str]) -> Path:
    """The folder of the rehearsal of this inventory, or of the one that IMMICH_REHEARSAL names."""
    name = os.environ.get("IMMICH_REHEARSAL", "")
    if name:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise RehearsalError(
                f"IMMICH_REHEARSAL is {name!r}; a name is made of letters, digits, dots, dashes and underscores, and starts with a letter or digit."
            )
        return homes() / name
    path = os.path.realpath(inventory)
    slug = re.sub(r"[^A-Za-z0-9]+", "-", os.path.basename(path)).strip("-") or "inventory"
    return homes() / f"{slug}-{hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()[:8]}"


def home_of_run(variables: Mapping[str, Any]) -> Path:
    """The same, for whoever runs inside Ansible: the first inventory that was given counts."""
    sources = variables.get("ansible_inventory_sources") or []
    if not sources and not os.environ.get("IMMICH_REHEARSAL"):
        raise NotRunning("A rehearsal belongs to an inventory, and none was given: run with -i INVENTORY, or set IMMICH_REHEARSAL to a name.")
    return home(str(sources[0]) if sources else "")


def down_command(which: str) -> str:
    """How a person ends a rehearsal, or all of them: the Makefile is not part of an installed collection."""
    collection = Path(__file__).parents[1]
    if (collection / "Makefile").exists():
        return "make down"
    return f"PYTHONPATH={collection.parents[2]} {sys.executable} -m ansible_collections.homelab.immich.rehearsal down {which}"


def read(home: Path) -> dict:
    """The state of the rehearsal in this folder: addresses, credentials of its stand-ins, process ids."""
    try:
        return json.loads((home / "state.json").read_text())
    except FileNotFoundError:
        raise NotRunning(f"No rehearsal is running in {home}.") from None


def write_json(path: Path, data: dict) -> None:
    """Replace a file at once and for its owner only, so that a reader never meets half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(data, file, indent=2, sort_keys=True)
    os.replace(temporary, path)
