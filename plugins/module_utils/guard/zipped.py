# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard as one file."""

from __future__ import annotations

from ..zipped import packed

# what it takes of its neighbours
_CLIENT = ("answers", "backups", "changes", "client", "errors", "libraries", "queues", "scans", "settings", "transport", "users", "versions")
_OTHERS = (*(f"immich/{name}" for name in _CLIENT), "paths", "pod_api", "zipped")


def archive() -> bytes:
    """Pack the guard; `python guard.pyz --config ...` runs it."""
    return packed("guard", _OTHERS)
