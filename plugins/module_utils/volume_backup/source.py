# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a volume as this pod sees them."""

from __future__ import annotations

import os
from collections.abc import Iterable


class Refused(Exception):
    """The volume is not what it should be, so nothing is backed up; the message says what to do."""


def count(folder: str) -> int:
    """How many files there are, the way restic counts them; Refused where something cannot be read, for restic could not either."""
    files, pending = 0, [folder]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != "lost+found":
                            pending.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        files += 1
        except OSError as error:
            reason = error.strerror or type(error).__name__
            advice = f"The backup runs as uid {os.getuid()}: set run_as of the backup to the owner of the files."
            raise Refused(f"{here} cannot be read ({reason}). {advice}") from error
    return files


def look(folder: str, sentinels: Iterable[str]) -> int:
    """How many files there are, once it is sure that the volume is mounted."""
    for sentinel in sentinels:
        if not os.path.exists(sentinel):
            raise Refused(f"{sentinel} is not there, so this is not the export, or it is not mounted on the NAS. Put that right; the next run tries again.")
    found = count(folder)
    if not found:
        raise Refused(f"{folder} has no file. VolSync would call that a success. Find out why it is empty; the next run tries again.")
    return found
