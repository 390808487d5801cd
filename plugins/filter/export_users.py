# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: who mounts which export."""

from __future__ import annotations

DOCUMENTATION = r"""
name: export_users
short_description: Say who mounts which export
version_added: 0.2.0
author: homelab.immich contributors (@homelab-immich)
description:
  - For each export that a volume names, the uid and gid of the pods that mount it, the supplemental groups that a patch gives them, and whether they
    write to it.
options:
  _input:
    description: The variables of the hosts in the group C(immich).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show who mounts the exports of all NAS
  ansible.builtin.debug:
    msg: "{{ groups.immich | map('extract', hostvars) | homelab.immich.export_users }}"
"""

RETURN = r"""
_value:
  description: A list of users for each name of an export.
  type: dict
  sample:
    photos:
      - {uid: 1000, gid: 1000, groups: [], write: false, subpath: ""}
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.pod_groups import groups_of


def export_users(instances: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Say who mounts which export."""
    users: dict[str, list[dict[str, Any]]] = {}
    for instance in instances:
        run_as = instance.get("immich_run_as") or {}  # without it the pods run as root
        for volume in instance.get("immich_volumes") or []:
            source = volume.get("nfs") or {}
            if source.get("export"):
                user = {
                    "uid": int(run_as.get("uid") or 0),
                    "gid": int(run_as.get("gid") or 0),
                    "groups": groups_of(instance, volume.get("pods") or ["server"]),
                    "write": volume.get("access") != "ro",
                    "subpath": source.get("subpath") or "",
                }
                known = users.setdefault(source["export"], [])
                known += [user] * (user not in known)
    return users


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"export_users": export_users}
