# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup of a volume as one file."""

from __future__ import annotations

from ..zipped import packed

# what it takes of its neighbours
_OTHERS = ("guard/shared", "immich/errors", "immich/transport", "pod_api")


def archive() -> bytes:
    """Pack it; `python backup.pyz --config ...` runs it."""
    return packed("volume_backup", _OTHERS)
