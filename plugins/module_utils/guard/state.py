# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard remembers from one run to the next: a folder with the list of files of each library, and what it shares: the brake, and records."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..immich.errors import ImmichError
from .shared import Files, Store

# roles/workloads mounts it into the pod of the server
SETTINGS = "immich.json"
_RECORDS = 200
# of all records together: a ConfigMap takes a megabyte
_RECORDS_CHARACTERS = 500_000
# what there has to be in what was written, for a person may have edited it
_RECORD = {"at", "library", "owner", "outcome", "message", "trashed"}
_COUNTS = ("visible", "trashed", "total")
_FACTS = {*_COUNTS, "refreshed_at", "import_paths", "at"}


class Busy(Exception):
    """Another guard works with this folder."""


class State:
    """The folder, and what is shared with other guards."""

    def __init__(self, folder: str, shared: Store | None = None, *, remembered: Mapping[str, Any] | None = None) -> None:
        """`remembered` is what yet another memory knows of the brake; it goes into this one as soon as that is written."""
        self._remembered = remembered
        self.folder = Path(folder)
        self._files = Files(self.folder)
        self._shared = shared or self._files

    @contextmanager
    def alone(self, *, unless: bool = False) -> Iterator[None]:
        """Keep other guards out, unless nothing is to be changed. The system lets go of it when this process ends, however it ends."""
        if unless:
            yield
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.folder / "lock", "a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another guard is at work with {self.folder}; try again when it has ended") from None
            yield

    def manifest(self, library_id: str) -> Path:
        """The list of files of the last good scan."""
        return self._of(library_id) / "files.gz"

    def walked(self, library_id: str) -> Path:
        """The list of files of the walk before a scan that is not known to be good yet."""
        return self._of(library_id) / "files.new.gz"

    def keep_walk(self, library_id: str) -> None:
        """Make the last walk the list of the last good scan."""
        if self.walked(library_id).exists():
            os.replace(self.walked(library_id), self.manifest(library_id))

    def last(self, library_id: str) -> dict[str, Any] | None:
        """What was true when the guard looked last."""
        facts = _object(self._files.read(f"{self._of(library_id).name}/last.json"))
        return facts if facts and set(facts) >= _FACTS and all(isinstance(facts[name], int) for name in _COUNTS) else None

    def remember(self, library_id: str, facts: Mapping[str, Any]) -> None:
        """Keep what is true now."""
        self._files.write(f"{self._of(library_id).name}/last.json", json.dumps(facts, indent=2))

    def brake(self) -> dict[str, Any] | None:
        """What the brake changed; None while it is not set. One that was set before there was a shared memory is still in the folder, and counts."""
        shared = memory_of_brake(self._shared)
        known = shared if self._shared is self._files else both(memory_of_brake(self._files), shared)
        return both(known, self._remembered)

    def set_brake(self, facts: Mapping[str, Any] | None) -> None:
        """Remember what the brake changes, or that it is released."""
        self._shared.write("brake.json", None if facts is None else json.dumps(facts, indent=2))
        self._remembered = None
        if self._shared is not self._files:
            self._files.write("brake.json", None)

    def settings(self) -> dict[str, Any] | None:
        """The settings that a server whose settings are in a file lays over that file when it starts. None also where a person wrote no settings there."""
        return _object(self._shared.read(SETTINGS))

    def lay_over(self, settings: Mapping[str, Any] | None) -> None:
        """Change them, or with None take them away."""
        self._shared.write(SETTINGS, None if settings is None else json.dumps(settings, sort_keys=True))

    def record(self, entry: Mapping[str, Any]) -> None:
        """Add what a run did; the oldest are forgotten."""
        lines = [*(self._shared.read("records.jsonl") or "").splitlines(), json.dumps(entry)][-_RECORDS:]
        while len(lines) > 1 and sum(map(len, lines)) > _RECORDS_CHARACTERS:
            lines.pop(0)
        self._shared.write("records.jsonl", "\n".join(lines) + "\n")

    def records(self) -> list[dict[str, Any]]:
        """What the last runs did, the oldest first."""
        lines = (self._shared.read("records.jsonl") or "").splitlines()
        return [entry for line in lines if (entry := _object(line)) is not None and _is_record(entry)]

    def _of(self, library_id: str) -> Path:
        if not re.fullmatch(r"[\w-]+", library_id, re.ASCII):
            raise ValueError(f"{library_id!r} is no identifier of a library")
        return self.folder / library_id


def both(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What two memories know of one brake: the older one has seen the settings as they were before."""
    if not one or not other:
        return dict(one or other or {}) or None
    old, new = sorted((one, other), key=lambda memory: datetime.datetime.fromisoformat(memory["since"]))
    return {**new, **old, "settings": {**new["settings"], **old["settings"]}}


def memory_of_brake(store: Store) -> dict[str, Any] | None:
    """What a store says that the brake changed; None while it is not set. Raises ImmichError where that cannot be read."""
    text = store.read("brake.json")
    memory = _object(text)
    if text is not None and not _is_brake(memory):
        raise ImmichError(f"{store.place('brake.json')}, which says what the brake changed, cannot be read; put the settings back by hand, then remove it.")
    return memory


def _is_record(entry: Mapping[str, Any]) -> bool:
    return set(entry) >= _RECORD and _is_moment(entry["at"]) and isinstance(entry["trashed"], int) and isinstance(entry["outcome"], str)


def _is_brake(memory: Mapping[str, Any] | None) -> bool:
    """Whether this is what a brake remembers: a person may have edited it."""
    if memory is None or not _is_moment(memory.get("since")) or not isinstance(memory.get("settings"), dict):
        return False
    return all(isinstance(change, dict) and {"before", "set"} <= set(change) for change in memory["settings"].values())


def _is_moment(text: object) -> bool:
    try:
        return datetime.datetime.fromisoformat(str(text)).tzinfo is not None
    except ValueError:
        return False


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        content = json.loads(text or "")
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
