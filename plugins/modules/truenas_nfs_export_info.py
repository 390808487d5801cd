# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: truenas_nfs_export_info
short_description: Compare what TrueNAS exports with what is declared
version_added: 0.1.0
description:
  - Looks at the dataset, the folder, the share and the service behind each export, and at its sentinel, over one connection with one login.
  - Says in one sentence each where that is not as declared. Changes nothing.
  - The role Readonly Admin is enough for the user.
extends_documentation_fragment:
  - homelab.immich.attributes.read_only
  - homelab.immich.truenas
  - homelab.immich.truenas.exports
options:
  fail_on_errors:
    description:
      - Fail when a finding is an error, with all of them in the message, and pass the other findings on as warnings.
      - Otherwise findings are only returned.
    type: bool
    default: false
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: Look at the photos
  homelab.immich.truenas_nfs_export_info:
    url: wss://tank.example.net
    username: ansible
    api_key: "{{ vault_nas_api_key }}"
    exports:
      - name: photos
        dataset: tank/photos
        access: ro
        squash: root
        clients: [192.0.2.0/24]
  register: looked

- name: Stop unless every export of this host is as declared
  homelab.immich.truenas_nfs_export_info:
    url: "wss://{{ ansible_host }}"
    username: "{{ nas_api_user }}"
    api_key: "{{ nas_api_key }}"
    ca_cert: files/tank.pem
    exports: "{{ nas_exports }}"
    fail_on_errors: true
"""

RETURN = r"""
version:
  description: The version of TrueNAS.
  returned: success
  type: str
  sample: TrueNAS-25.10.1
exports:
  description: How many exports were looked at.
  returned: success
  type: int
  sample: 2
findings:
  description: What is not as declared, errors first.
  returned: success
  type: list
  elements: dict
  contains:
    export:
      description: Name of the export, null where it concerns the whole NAS.
      type: str
      sample: photos
    severity:
      description: V(error) where Immich would not work, or not be safe. V(warning) otherwise.
      type: str
      sample: error
    message:
      description: One sentence.
      type: str
      sample: >-
        tank, export photos: the dataset tank/photos is not mounted, so clients see an empty folder in its place. Mount it before anything scans it.
sentinels_ok:
  description: Whether every export has its sentinel.
  returned: success
  type: bool
  sample: true
markers:
  description: For each export that may be written, the C(.immich) files of a media location that it holds. Immich has been there.
  returned: success
  type: dict
  sample: {immich: [upload/.immich, library/.immich]}
found:
  description: What there is for each export, in the order of O(exports).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the export.
      type: str
      sample: photos
    path:
      description: The path that clients mount.
      type: str
      sample: /mnt/tank/photos
    pool:
      description: Whether the pool is there.
      type: bool
    dataset:
      description: The dataset, whether it is locked and whether it is read-only. Null where there is none.
      type: dict
      sample: {id: tank/photos, locked: false, readonly: false}
    mounted:
      description: Whether the dataset is mounted, null where there is none.
      type: bool
    owner:
      description: Owner, group and mode of the folder, and whether it has an ACL. Null where there is none.
      type: dict
      sample: {uid: 1000, gid: 1000, user: photos, group: photos, acl: false, mode: "0750"}
    shares:
      description: The shares of this path, or of this name for SMB, as the API of TrueNAS has them.
      type: list
      elements: dict
    service:
      description: The NFS or SMB service.
      type: dict
      sample: {name: nfs, label: NFS, running: true, enabled: true, protocols: [NFSV3, NFSV4]}
    sentinel:
      description: Whether the sentinel is there, null where the dataset is not mounted.
      type: bool
    markers:
      description: The C(.immich) files of a media location.
      type: list
      elements: str
    unexported_children:
      description: Datasets below that have no share of their own. Clients see an empty folder in their place.
      type: list
      elements: str
    snapshot_tasks:
      description: The periodic snapshot tasks of the dataset, as the API of TrueNAS has them.
      type: list
      elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homelab.immich.plugins.module_utils.truenas.client import TrueNASError
from ansible_collections.homelab.immich.plugins.module_utils.truenas.exports import look, verify_export
from ansible_collections.homelab.immich.plugins.module_utils.truenas.module import CONNECTION, EXPORTS, check_exports, connection, nas_name


def main() -> None:
    """Look and compare."""
    module = AnsibleModule({**CONNECTION, "exports": EXPORTS, "fail_on_errors": {"type": "bool", "default": False}}, supports_check_mode=True)
    check_exports(module)
    wanted = module.params["exports"]
    try:
        name = nas_name(module.params)
        with connection(module.params, read_only=True) as api:
            version = api.call("system.version")
            found = look(api, wanted)
    except TrueNASError as error:
        module.fail_json(msg=str(error))
    findings: list[dict[str, Any]] = []
    for export, there in zip(wanted, found, strict=True):
        findings += [finding for finding in verify_export(export, there, name) if finding not in findings]
    findings.sort(key=lambda finding: finding["severity"] != "error")
    if module.params["fail_on_errors"]:
        messages = {severity: [finding["message"] for finding in findings if finding["severity"] == severity] for severity in ("error", "warning")}
        for message in messages["warning"]:
            module.warn(message)
        if messages["error"]:
            module.fail_json(msg="\n".join([f"{name} is not as nas_exports declares it:", *(f"- {message}" for message in messages["error"])]))
    module.exit_json(
        changed=False,
        version=version,
        exports=len(found),
        findings=findings,
        sentinels_ok=all(there["sentinel"] for there in found),
        markers={there["name"]: there["markers"] for there in found if there["markers"]},
        found=[{key: value for key, value in there.items() if key not in ("users", "groups")} for there in found],
    )


if __name__ == "__main__":
    main()
