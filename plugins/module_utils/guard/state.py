# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard remembers from one run to the next: a folder with the list of files of each library, what the brake changed, and records."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..immich.errors import ImmichError

_RECORDS = 200


class Busy(Exception):
    """Another guard works with this folder."""


class State:
    """The folder."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

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
        return self._read(self._of(library_id) / "last.json")

    def remember(self, library_id: str, facts: Mapping[str, Any]) -> None:
        """Keep what is true now."""
        self._write(self._of(library_id) / "last.json", facts)

    def brake(self) -> dict[str, Any] | None:
        """What the brake changed; None while it is not set."""
        path = self.folder / "brake.json"
        memory = self._read(path)
        if memory is None and path.exists():
            raise ImmichError(f"{path}, which says what the brake changed, cannot be read; put the settings back by hand, then remove it.")
        return memory

    def set_brake(self, facts: Mapping[str, Any] | None) -> None:
        """Remember what the brake changes, or that it is released."""
        if facts is None:
            (self.folder / "brake.json").unlink(missing_ok=True)
        else:
            self._write(self.folder / "brake.json", facts)

    def record(self, entry: Mapping[str, Any]) -> None:
        """Add what a run did; the oldest are forgotten."""
        path = self.folder / "records.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._replace(path, "\n".join([*lines[-_RECORDS + 1 :], json.dumps(entry)]) + "\n")

    def _of(self, library_id: str) -> Path:
        if not re.fullmatch(r"[\w-]+", library_id, re.ASCII):
            raise ValueError(f"{library_id!r} is no identifier of a library")
        return self.folder / library_id

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def _write(self, path: Path, facts: Mapping[str, Any]) -> None:
        self._replace(path, json.dumps(facts, indent=2))

    def _replace(self, path: Path, text: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        with open(new, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
