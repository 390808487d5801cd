# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that every TrueNAS module has."""

    # how to reach the API
    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of TrueNAS, such as V(wss://tank.example.net). The path C(/api/current) may be left out.
      - An address without TLS is refused before anything is sent, because TrueNAS revokes an API key that reaches it that way.
    type: str
    required: true
  username:
    description: The user that owns O(api_key).
    type: str
    required: true
  api_key:
    description: API key of O(username). One login serves the whole module run; TrueNAS refuses more than 20 logins in a minute.
    type: str
    required: true
  ca_cert:
    description: Path of a PEM file with the certificate that TrueNAS presents, or with its authority. By default the authorities that the machine trusts.
    type: path
  validate_certs:
    description: Whether the TLS certificate must be valid.
    type: bool
    default: true
  timeout:
    description: How many seconds TrueNAS may take to answer one call.
    type: int
    default: 30
  rehearsal:
    description: Refuse every address that is not on this machine.
    type: bool
    default: false
  name:
    description: What to call this NAS in messages. The host of O(url) by default.
    type: str
requirements:
  - Python package C(websocket-client)
  - TrueNAS 25.04 or later
"""

    # what is exported, in the words of nas_exports; what only NFS or SMB has is with the module
    EXPORTS = r"""
options:
  exports:
    description: The exports, in the words of the variable C(nas_exports).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the export. Its sentinel is the folder C(.immich-guard/<name>).
        type: str
        required: true
      dataset:
        description: The ZFS dataset, such as V(tank/photos). Created where it is missing, with those above it.
        type: str
        required: true
      subpaths:
        description: Folders below the root that are mounted by themselves. Made where they are missing, with O(exports[].owner) and a sentinel of their own.
        type: list
        elements: str
        default: []
      access:
        description: Whether clients may write.
        type: str
        choices: [rw, ro]
        default: rw
      owner:
        description: Who owns the root and the subpaths. Given at creation; a later difference is a warning.
        type: dict
        suboptions:
          user:
            description: Owner, by number or name.
            type: str
            required: true
          group:
            description: Group, by number or name.
            type: str
            required: true
          mode:
            description: Permissions as an octal number, such as V("0750"). V("0755") at creation without it.
            type: str
          enforce:
            description: Give the folder this owner and mode also when it has others. Only the folder itself, never what is in it.
            type: bool
            default: false
      address:
        description: The address that clients mount it from. It is not looked at here.
        type: str
      quota:
        description: The most that the dataset and everything below it may take, such as V(2T), or V(none). Left alone without it.
        type: str
      recordsize:
        description: The ZFS record size, such as V(1M). Left alone without it.
        type: str
      compression:
        description: The ZFS compression, such as V(zstd). Left alone without it.
        type: str
      snapshots:
        description: A periodic snapshot task of the dataset. A task with the same schedule is the one; others are left alone.
        type: dict
        suboptions:
          schedule:
            description: When to take one, as cron says it in five fields.
            type: str
            required: true
          keep:
            description: How long to keep one, a number with V(h), V(d), V(w), V(m) or V(y).
            type: str
            required: true
"""
