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
