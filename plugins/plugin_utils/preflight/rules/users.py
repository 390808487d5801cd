# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People: e-mail addresses and accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model import Inventory, Problem

_EMAIL = re.compile(r"[^\s@,;<>\"']+@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")


def emails(inventory: Inventory) -> Iterator[Problem]:
    """An address that Immich takes."""
    for host in inventory.instances:
        admin = host.get("immich_admin_email")
        if admin is not None and not _is_email(admin):
            yield Problem(host.name, f"immich_admin_email is {admin}, which is no e-mail address. Write it like me@home.net.", ("immich_admin_email",))
        for user in host.list("immich_users"):
            email = user.get("email")
            if email is not None and not _is_email(email):
                yield user.problem(f"email is {email}, which is no e-mail address. Write it like me@home.net.", "email")


def unique(inventory: Inventory) -> Iterator[Problem]:
    """Users are told apart by e-mail address, whatever its case."""
    for host in inventory.instances:
        seen = {str(host.get("immich_admin_email", "")).lower(): "immich_admin_email"}
        for user in host.list("immich_users"):
            email = str(user.get("email", "")).lower()
            if email and email in seen:
                yield user.problem(f"email {user.get('email')} is that of {seen[email]} too. Remove one of them.", "email")
            seen.setdefault(email, f"immich_users[{user.at[1]}]")


def _is_email(value: object) -> bool:
    text = str(value)
    local = text.partition("@")[0]
    return _EMAIL.fullmatch(text) is not None and not local.startswith(".") and not local.endswith(".") and ".." not in local


RULES = (emails, unique)
