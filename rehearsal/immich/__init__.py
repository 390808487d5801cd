# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stateful stand-in for an Immich server: same API, same refusals, real folders."""

from __future__ import annotations

from .app import StandIn, create_app
from .instance import Instance, Mount, NotReady

__all__ = ["Instance", "Mount", "NotReady", "StandIn", "create_app"]
