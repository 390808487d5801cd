# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the TrueNAS modules share: their options, and the way from these to a connection."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

from ..nas import problems
from .client import TrueNAS, websocket_url

CONNECTION: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str", "required": True},
    "api_key": {"type": "str", "required": True, "no_log": True},
    "ca_cert": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 30},
    "rehearsal": {"type": "bool", "default": False},
    "name": {"type": "str"},
}

EXPORTS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {
        "name": {"type": "str", "required": True},
        "protocol": {"type": "str", "choices": ["nfs", "smb"], "default": "nfs"},
        "dataset": {"type": "str", "required": True},
        "path": {"type": "path"},
        "share": {"type": "str"},
        "access": {"type": "str", "choices": ["rw", "ro"], "default": "rw"},
        "squash": {"type": "str", "choices": ["none", "root", "all"], "default": "root"},
        "map_user": {"type": "str"},
        "map_group": {"type": "str"},
        "clients": {"type": "list", "elements": "str", "default": []},
        "options": {"type": "list", "elements": "str", "default": []},
        "owner": {
            "type": "dict",
            "options": {"user": {"type": "str", "required": True}, "group": {"type": "str", "required": True}, "mode": {"type": "str"}},
        },
        "address": {"type": "str"},
        "snapshots": {"type": "dict", "options": {"schedule": {"type": "str", "required": True}, "keep": {"type": "str", "required": True}}},
    },
}


def connection(params: dict[str, Any], read_only: bool) -> TrueNAS:
    """The connection that a module's options describe. Use it in a `with` statement."""
    return TrueNAS(
        params["url"],
        params["username"],
        params["api_key"],
        ca_cert=params["ca_cert"],
        validate_certs=params["validate_certs"],
        timeout=params["timeout"],
        rehearsal=params["rehearsal"],
        read_only=read_only,
    )


def nas_name(params: dict[str, Any]) -> str:
    """What messages call the NAS."""
    return params["name"] or urlsplit(websocket_url(params["url"])).hostname or ""


def check_exports(module: AnsibleModule) -> None:
    """Fail with everything that is wrong with the exports by themselves."""
    wrong = [
        f"exports[{index}] ({export['name']}): {problem}"
        for index, export in enumerate(module.params["exports"])
        # what SMB has no meaning for is an error only when somebody gave it, and a default is nobody
        for problem in problems({key: value for key, value in export.items() if key != "squash" or export["protocol"] == "nfs"}, "truenas")
    ]
    if wrong:
        module.fail_json(msg="\n".join(wrong))
