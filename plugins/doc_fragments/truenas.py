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

    # what is exported, in the words of nas_exports
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
      protocol:
        description: How clients mount it.
        type: str
        choices: [nfs, smb]
        default: nfs
      dataset:
        description: The ZFS dataset, such as V(tank/photos).
        type: str
        required: true
      path:
        description: The path that is exported over NFS. By default C(/mnt/<dataset>).
        type: path
      share:
        description: The name of the share, for O(exports[].protocol=smb).
        type: str
      access:
        description: Whether clients may write.
        type: str
        choices: [rw, ro]
        default: rw
      squash:
        description: Whom the NAS takes a client's processes for. V(none) is maproot_user and maproot_group both V(root), V(root) is maproot, V(all) mapall.
        type: str
        choices: [none, root, all]
        default: root
      map_user:
        description: The user, by number or name, that squashed users become. Nobody by default.
        type: str
      map_group:
        description: The group, by number or name, that squashed groups become. Nobody's by default.
        type: str
      clients:
        description: The networks, addresses or host names that may mount it. Empty is everybody.
        type: list
        elements: str
        default: []
      options:
        description: Options of exports(5). TrueNAS takes none, so anything here is an error.
        type: list
        elements: str
        default: []
      owner:
        description: Who owns the root of the export.
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
            description: Permissions as an octal number, such as V("0750").
            type: str
      address:
        description: The address that clients mount it from. It is not looked at here.
        type: str
      snapshots:
        description: Periodic snapshots of the dataset.
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
