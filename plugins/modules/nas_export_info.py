# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nas_export_info
short_description: Look at the exports of any NAS from outside
version_added: 0.2.0
description:
  - Asks an NFS server over NFSv4 for the folders that pods mount, as the uid and gid that they run as, and whether the sentinels are there. Nothing is mounted,
    and nothing can be changed this way.
  - Of SMB shares it sees no more than whether port 445 answers.
  - It sees what this machine is shown. A NAS that exports to the nodes only shows it nothing, and many answer only ports below 1024, which root may use.
    So whatever is not right is a warning and no error.
extends_documentation_fragment:
  - homelab.immich.attributes.read_only
options:
  name:
    description: What to call this NAS in messages.
    type: str
    required: true
  address:
    description: Host name or address of the NAS, for exports that have no C(address) of their own.
    type: str
    required: true
  exports:
    description: The exports, in the words of the variable C(nas_exports).
    type: list
    elements: dict
    required: true
  users:
    description:
      - Who mounts which export, by the name of the export. A list of dictionaries with C(uid), C(gid), C(groups), C(write) and, for a folder of the export,
        C(subpath). No more than 16 groups reach an NFS server.
      - The filter P(homelab.immich.export_users#filter) makes it from C(immich_volumes) and C(immich_run_as).
    type: dict
    default: {}
  timeout:
    description: How many seconds to wait for an answer.
    type: int
    default: 3
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: Look whether pods that run as 1000:1000 may read the photos
  homelab.immich.nas_export_info:
    name: synology
    address: 192.0.2.40
    exports:
      - {name: photos, path: /volume1/photos, access: ro}
    users:
      photos:
        - {uid: 1000, gid: 1000, write: false}
"""

RETURN = r"""
exports:
  description: What was seen of each export.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: photos
    seen:
      description: Whether this machine could look into it.
      type: bool
      sample: true
    sentinel:
      description: Whether every sentinel of it is there. Null when that could not be seen.
      type: bool
      sample: true
    owner:
      description: Who owns the folder, as the server says it. A number, or a name with a domain.
      type: str
      sample: "1000"
    group:
      description: The group of the folder, as the server says it.
      type: str
      sample: "1000"
    mode:
      description: The permissions of the folder, in octal.
      type: str
      sample: "0750"
findings:
  description: What is not as it should be, or could not be seen. Each is a warning too.
  returned: always
  type: list
  elements: dict
  contains:
    export:
      description: The name of the export.
      type: str
    severity:
      description: Always V(warning).
      type: str
      sample: warning
    message:
      description: One sentence.
      type: str
      sample: "synology, export photos: the sentinel /volume1/photos/.immich-guard/photos is missing. Make it on the NAS, where the photos are."
"""

import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homelab.immich.plugins.module_utils import nas, nfs4

SMB_PORT = 445


class Look:
    """One look at one NAS."""

    def __init__(self, name: str, timeout: int):
        self._name, self._timeout = name, timeout
        self._unreachable: set[str] = set()
        self.findings: list[dict[str, str]] = []

    def export(self, export: dict[str, Any], address: str, users: list[dict[str, Any]]) -> dict[str, Any]:
        """What is seen of an export, with what is not right among the findings."""
        seen: dict[str, Any] = {"name": export["name"], "seen": False, "sentinel": None, "owner": None, "group": None, "mode": None}
        if nas.normalise(export)["protocol"] == "smb":
            if not _answers(address, SMB_PORT, self._timeout):
                self._say(export, f"{address} does not answer on port {SMB_PORT} (SMB) from here. Look whether it runs, and whether the nodes reach it")
            return seen
        if address in self._unreachable:
            return seen  # said of an export before
        try:
            with nfs4.Server(address, nfs4.PORT, self._timeout) as server:
                server.ping()
                if not server.speaks(1):
                    self._say(export, f"{address} does not speak NFSv4.1, which volumes mount with. Allow it there, or set mount_options of the volume")
                if server.speaks(0):
                    return seen | self._folders(server, export, users)
                self._say(export, f"{address} answers, but cannot be looked into: it speaks NFSv4.1 and later only")
        except nfs4.NfsError as error:
            self._unreachable.add(address)
            self._say(export, f"{address} {error}, seen from here. Look whether NFS runs there, and whether the nodes reach it")
        return seen

    def _folders(self, server: nfs4.Server, export: dict[str, Any], users: list[dict[str, Any]]) -> dict[str, Any]:
        root = nas.nfs_path(export)
        owner = nas.normalise(export)["owner"]
        numbers = [owner[key] if isinstance(owner[key], int) else 0 for key in ("user", "group")]
        allowed = []
        seen: dict[str, Any] = {}
        for user in users or [{"uid": numbers[0], "gid": numbers[1]}]:
            who = nfs4.Identity(user.get("uid") or 0, user.get("gid") or 0, tuple(user.get("groups") or ())[:16])
            path = f"{root.rstrip('/')}/{user['subpath']}" if user.get("subpath") else root
            status, folder = server.look(path, who)
            problem = self._problem(server, path, who, status, folder, bool(user.get("write")))
            if problem:
                self._say(export, problem)
            if folder:
                allowed.append(who)
                seen = {"seen": True, "owner": folder.owner, "group": folder.group, "mode": None if folder.mode is None else f"{folder.mode & 0o7777:04o}"}
        return seen | ({"sentinel": self._sentinels(server, export, allowed[0])} if allowed else {})

    def _problem(self, server: nfs4.Server, path: str, who: nfs4.Identity, status: int, folder: nfs4.Folder | None, write: bool) -> str | None:
        pod = f"a pod with {who.uid}:{who.gid}" + (f" and the groups {', '.join(map(str, who.groups))}" if who.groups else "")
        if folder:
            belongs = f"it belongs to {folder.owner or '?'}:{folder.group or '?'}" + ("" if folder.mode is None else f", mode {folder.mode & 0o7777:04o}")
            if not folder.read:
                return f"{pod} may not read {path}: {belongs}. Change immich_run_as, or owner or squash on the NAS"
            if write and not folder.write:
                return f"{pod} may not write to {path}: {belongs}, or the export is read-only. Change immich_run_as, or owner, squash or access on the NAS"
            return None
        if status == nfs4.ACCES:
            return f"{pod} may not enter {path}, or a folder above. Change immich_run_as, or owner or squash on the NAS"
        if status == nfs4.NOTDIR:
            return f"{path} is no folder. Correct path"
        if status not in (nfs4.NOENT, nfs4.PERM):
            return f"{path} cannot be looked at: the NAS answers with NFS status {status}"
        root = "" if server.reserved else " Many NAS answer only ports below 1024, which need root: nas_look_as_root: true looks as root."
        return f"{path} is not shown to this machine. Look whether it is exported; if only the nodes may mount it, nothing can be seen from here.{root}"

    def _sentinels(self, server: nfs4.Server, export: dict[str, Any], who: nfs4.Identity) -> bool | None:
        answers = {place: server.look(place, who)[0] for place in nas.sentinel_places(export)}
        for place, status in answers.items():
            if status in (nfs4.NOENT, nfs4.NOTDIR):
                self._say(export, f"the sentinel {place} is missing. Make it on the NAS, where the photos are")
        if set(answers.values()) & {nfs4.NOENT, nfs4.NOTDIR}:
            return False
        return True if set(answers.values()) == {nfs4.OK} else None

    def _say(self, export: dict[str, Any], sentence: str) -> None:
        self.findings.append({"export": export["name"], "severity": "warning", "message": f"{self._name}, export {export['name']}: {sentence.rstrip('.')}."})


def _answers(address: str, port: int, timeout: int) -> bool:
    """Whether somebody accepts a connection there."""
    try:
        socket.create_connection((address, port), timeout).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Look at each export once."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "exports": {"type": "list", "elements": "dict", "required": True},
            "users": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    params = module.params
    wrong = [f"exports[{index}]: {problem}" for index, export in enumerate(params["exports"]) for problem in nas.problems(export)]
    if wrong:
        module.fail_json(msg="\n".join(wrong))
    look = Look(params["name"], params["timeout"])
    exports = [look.export(export, export.get("address") or params["address"], params["users"].get(export["name"]) or []) for export in params["exports"]]
    for finding in look.findings:
        module.warn(finding["message"])
    module.exit_json(changed=False, exports=exports, findings=look.findings)


if __name__ == "__main__":
    main()
