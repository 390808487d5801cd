# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TrueNAS stand-in: its API over a TLS websocket, its folders on this machine."""

from .app import create_app
from .state import folder, seed

__all__ = ["create_app", "folder", "seed"]
