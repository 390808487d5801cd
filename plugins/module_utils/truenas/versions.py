# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between versions of TrueNAS, and which role a method needs: as data, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How one version says it."""

    since: tuple[int, int]
    service_control: bool  # a job service.control(verb, name); before that the plain call service.start(name)
    smb_read_only: str  # the field of an SMB share


DIALECTS = (
    Dialect((25, 4), service_control=False, smb_read_only="ro"),
    Dialect((25, 10), service_control=True, smb_read_only="readonly"),
    Dialect((26, 0), service_control=True, smb_read_only="readonly"),
)

# Least privilege, as the middleware has it (role.py, and `roles` of each method); the same from 25.04 to 26.
ROLES = {
    "pool.dataset.query": "DATASET_READ",
    "pool.dataset.create": "DATASET_WRITE",
    "pool.dataset.update": "DATASET_WRITE",
    "pool.snapshottask.query": "SNAPSHOT_TASK_READ",
    "pool.snapshottask.create": "SNAPSHOT_TASK_WRITE",
    "pool.snapshottask.update": "SNAPSHOT_TASK_WRITE",
    "filesystem.stat": "FILESYSTEM_ATTRS_READ",
    "filesystem.listdir": "FILESYSTEM_ATTRS_READ",
    "filesystem.setperm": "FILESYSTEM_ATTRS_WRITE",
    "filesystem.chown": "FILESYSTEM_ATTRS_WRITE",
    "filesystem.mkdir": "FILESYSTEM_DATA_WRITE",
    "sharing.nfs.query": "SHARING_NFS_READ",
    "sharing.nfs.create": "SHARING_NFS_WRITE",
    "sharing.nfs.update": "SHARING_NFS_WRITE",
    "nfs.config": "SHARING_NFS_READ",
    "nfs.update": "SHARING_NFS_WRITE",
    "nfs.get_nfs3_clients": "SHARING_NFS_WRITE",
    "nfs.get_nfs4_clients": "SHARING_NFS_WRITE",
    "sharing.smb.query": "SHARING_SMB_READ",
    "sharing.smb.create": "SHARING_SMB_WRITE",
    "sharing.smb.update": "SHARING_SMB_WRITE",
    "service.query": "SERVICE_READ",
    "user.query": "ACCOUNT_READ",
    "group.query": "ACCOUNT_READ",
}
_SERVICES = {"nfs": "SHARING_NFS_WRITE", "cifs": "SHARING_SMB_WRITE"}  # for service.update, .start and .control


class UnknownVersion(ValueError):
    """A version that this collection cannot talk to."""


def dialect(version: str) -> Dialect:
    """The dialect of a version such as TrueNAS-25.10.1; a newer one than the newest known is taken for that."""
    match = re.search(r"(\d+)\.(\d+)", version)
    if not match or (number := (int(match[1]), int(match[2]))) < DIALECTS[0].since:
        raise UnknownVersion(f"TrueNAS says that it is {version}. This needs TrueNAS 25.04 or later.")
    return next(known for known in reversed(DIALECTS) if known.since <= number)


def needed_role(method: str, service: str = "nfs") -> str:
    """The smallest role that may call a method."""
    return ROLES.get(method) or (_SERVICES[service] if method.startswith("service.") else "FULL_ADMIN")


def missing_roles(calls: Iterable[tuple[str, str]], roles: Iterable[str]) -> list[str]:
    """Which roles somebody with these roles lacks for these (method, service) calls. TrueNAS lists what a role includes, too."""
    have = set(roles)
    if "FULL_ADMIN" in have:
        return []
    return sorted({needed for call in calls if (needed := needed_role(*call)) not in have})
