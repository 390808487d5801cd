# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module, and show what it waits for."""

from __future__ import annotations

from ansible_collections.homelab.immich.plugins.plugin_utils.waiting import Waiting


class ActionModule(Waiting):
    """The action behind homelab.immich.queue; the documentation is with the module of that name."""
