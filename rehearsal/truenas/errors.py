# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a method says no."""

from __future__ import annotations


class CallRefused(Exception):
    """The call fails with this errno."""

    def __init__(self, code: int, said: str):
        super().__init__(said)
        self.code, self.said = code, said


class Invalid(Exception):
    """The parameters are wrong: (field, what is wrong with it)."""

    def __init__(self, fields: list[tuple[str, str]]):
        super().__init__(str(fields))
        self.fields = fields
