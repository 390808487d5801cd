# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nas_reachable_info
short_description: Look whether a NAS answers on the ports that its exports need
version_added: 0.1.0
description:
  - Opens a TCP connection to port 2049 for NFS and 445 for SMB, and closes it again.
  - That is all that can be seen of a NAS whose kind this collection does not know. It is seen from where the module runs, which is not where pods run,
    so a port that does not answer is a warning and no error.
extends_documentation_fragment:
  - homelab.immich.attributes.read_only
options:
  name:
    description: What to call this NAS in messages.
    type: str
    required: true
  address:
    description: Host name or address of the NAS.
    type: str
    required: true
  protocols:
    description: How its exports are mounted.
    type: list
    elements: str
    choices: [nfs, smb]
    default: [nfs]
  timeout:
    description: How many seconds to wait for each connection.
    type: int
    default: 3
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: Look whether the NAS serves SMB
  homelab.immich.nas_reachable_info:
    name: unas
    address: 192.0.2.30
    protocols: [smb]
"""

RETURN = r"""
findings:
  description: What does not answer. Each is a warning too.
  returned: always
  type: list
  elements: dict
  contains:
    export:
      description: Always null, it concerns the whole NAS.
      type: str
    severity:
      description: Always V(warning).
      type: str
      sample: warning
    message:
      description: One sentence.
      type: str
      sample: "unas: 192.0.2.30 does not answer on port 445 (SMB) from here. Look whether it runs, and whether the nodes of the cluster reach it."
"""

import socket

from ansible.module_utils.basic import AnsibleModule

PORTS = {"nfs": 2049, "smb": 445}


def answers(address: str, port: int, timeout: int) -> bool:
    """Whether somebody accepts a connection there."""
    try:
        socket.create_connection((address, port), timeout).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Look at each port once."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "protocols": {"type": "list", "elements": "str", "choices": ["nfs", "smb"], "default": ["nfs"]},
            "timeout": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    findings = []
    address = module.params["address"]
    for protocol in module.params["protocols"]:
        if not answers(address, PORTS[protocol], module.params["timeout"]):
            message = (
                f"{module.params['name']}: {address} does not answer on port {PORTS[protocol]} ({protocol.upper()}) from here. "
                "Look whether it runs, and whether the nodes of the cluster reach it."
            )
            findings.append({"export": None, "severity": "warning", "message": message})
            module.warn(message)
    module.exit_json(changed=False, findings=findings)


if __name__ == "__main__":
    main()
