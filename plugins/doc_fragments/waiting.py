# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of every Immich module that waits."""

    DOCUMENTATION = r"""
options:
  wait_timeout:
    description: How many seconds to wait at most.
    type: int
    default: 900
  look:
    description: How many seconds one run of the module waits. Its action says 10 when nobody does, runs it again and shows progress in between.
    type: int
  resume:
    description: What the run before returned. Set by the action of the module.
    type: dict
"""
