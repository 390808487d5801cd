# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the database may live."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model import Inventory, Problem

_NETWORK_SHARE = re.compile(r"(^|[^a-z])(nfs|smb|cifs|samba)([^a-z]|$)", re.IGNORECASE)


def not_on_a_share(inventory: Inventory) -> Iterator[Problem]:
    """PostgreSQL on a network share loses data: it needs a local or block device."""
    for host in inventory.instances:
        storage_class = host.get("immich_database_storage_class")
        if storage_class is not None and _NETWORK_SHARE.search(str(storage_class)):
            yield Problem(
                host.name,
                f"immich_database_storage_class is {storage_class}, by its name a network share, and PostgreSQL loses data on NFS and SMB. "
                "Use a class of local or block storage, such as longhorn or local-path.",
                ("immich_database_storage_class",),
            )


def image(inventory: Inventory) -> Iterator[Problem]:
    """An image that the operator can run, and whose version it can tell."""
    for host in inventory.instances:
        wanted, postgres = str(host.get("immich_database_image", "")), str(host.get("immich_database_postgres", ""))
        if not wanted:
            continue
        tag = wanted.partition("@")[0].rpartition("/")[2].partition(":")[2]
        major = postgres.partition(".")[0]
        if "immich-app/postgres" in wanted:
            text = "which is for Docker Compose and does not run under CloudNativePG. Use ghcr.io/tensorchord/cloudnative-vectorchord, or leave it empty."
        elif major and not re.match(rf"{re.escape(major)}(\D|$)", tag):
            text = (
                f"whose tag does not begin with {major}, the major version of immich_database_postgres ({postgres}); the operator reads the version from there."
            )
        else:
            continue
        yield Problem(host.name, f"immich_database_image is {wanted}, {text}", ("immich_database_image",))


RULES = (not_on_a_share, image)
