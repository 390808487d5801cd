# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what on an export: squash, owner and mode as the server judges them. Pure functions, standard library only.

docs/nas_access.yml holds the rows that people read; the unit tests hold `can` against them, and tests/vm a real kernel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from .nas import NOBODY, normalise

ACTIONS = ("read", "write", "chown")
_MAX_GROUPS = 16  # sec=sys carries no more supplemental groups than this


@dataclasses.dataclass(frozen=True)
class Answer:
    """May somebody do something on an export? `allowed` is None when the inventory does not say enough."""

    allowed: bool | None
    reason: str  # half a sentence: "uid 0 arrives as 65534, and 1000:1000 0750 does not let it write"
    user: int | str | None = None  # who the NAS takes the caller for
    group: int | str | None = None


def can(
    uid: int,
    gid: int,
    groups: Iterable[int],
    export: Mapping[str, Any],
    action: str,
    owner: Mapping[str, Any] | None = None,
    nas_groups: Iterable[int] | None = None,
) -> Answer:
    """May a process with this uid, gid and supplemental groups `read`, `write` or `chown` at the root of the export?

    Access and squash are what the inventory declares; so is the owner, unless `owner` says what is really there: {user, group, mode}.
    `nas_groups` are the groups that this uid has on the NAS, where the server counts those and not the client's: manage-gids of mountd, the default of
    Debian and Ubuntu. The gid is the client's all the same. `read` and `write` include entering the folder.
    """
    if action not in ACTIONS:
        raise ValueError(f"action is {action}. Use read, write or chown.")
    wanted = normalise(export if owner is None else {**export, "owner": owner})
    if action != "read" and wanted["access"] == "ro":
        return Answer(False, "the export is read-only")
    if wanted["protocol"] == "smb":
        if action == "chown":
            return Answer(False, "an SMB mount has the owner that the mount options give it")
        return Answer(None, "on SMB the account that mounts the share decides")
    user, group, all_groups = seen_as(uid, gid, groups, wanted, nas_groups)
    who = f"uid {uid} arrives as {user}" if user != uid else f"uid {uid}"
    if user == 0:
        return Answer(True, f"{who}, and root may {action}", user, group)
    if action == "chown":
        return Answer(False, f"{who}, and only an unsquashed root may change owners", user, group)
    has = wanted["owner"]
    if has["user"] is None or has["group"] is None:
        return Answer(None, f"{who}, and the export declares no owner", user, group)
    if any(isinstance(name, str) for name in (has["user"], has["group"], user, group)) and user != has["user"]:
        return Answer(None, f"{who}, and the numbers of owner {has['user']}:{has['group']} are not known here", user, group)
    mode = has["mode"] or "0755"
    digit = int(mode[-3] if user == has["user"] else mode[-2] if has["group"] in all_groups else mode[-1])
    needed = 0o5 if action == "read" else 0o7
    allowed = digit & needed == needed
    return Answer(allowed, f"{who}, and {has['user']}:{has['group']} {mode} {'lets' if allowed else 'does not let'} it {action}", user, group)


def seen_as(
    uid: int, gid: int, groups: Iterable[int], export: Mapping[str, Any], nas_groups: Iterable[int] | None = None
) -> tuple[int | str, int | str, set[int | str]]:
    """Who the NAS takes an NFS client's process for: user, group, and all groups, after squashing as nfsd does it."""
    wanted = normalise(export)
    anonymous_user = NOBODY if wanted["map_user"] is None else wanted["map_user"]
    anonymous_group = NOBODY if wanted["map_group"] is None else wanted["map_group"]
    sent: list[int | str] = [gid, *(list(groups)[:_MAX_GROUPS] if nas_groups is None else nas_groups)]
    if wanted["squash"] == "all":
        return anonymous_user, anonymous_group, {anonymous_group}
    if wanted["squash"] == "root":  # nfsd squashes uid 0, gid 0 and group 0 each on its own
        mapped = [anonymous_group if number == 0 else number for number in sent]
        return (anonymous_user if uid == 0 else uid), mapped[0], set(mapped)
    return uid, gid, set(sent)
