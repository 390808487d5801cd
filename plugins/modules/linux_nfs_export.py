# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: linux_nfs_export
short_description: Datasets or folders, exports and sentinels of a Linux NFS server
version_added: 0.1.0
description:
  - Brings a Linux host (Debian, Ubuntu, Fedora, Arch and their relatives) to the declared exports, all of them in one run. It runs on that host, as root.
  - "A ZFS dataset is created when it is missing, with what is missing above it. Where there is no ZFS, O(exports) names folders by C(path) alone."
  - The exports are in C(/etc/exports.d/homelab-immich.exports), which is tried before it replaces the one before. What C(exportfs) then has is compared with
    what is declared, and the file before is restored where it differs.
  - Every export gets its sentinel, C(.immich-guard/<name>), and so does every file system below it, only where they are really mounted.
  - Nothing is destroyed, unmounted or given to another owner, other than the one folder of an export that says C(owner.enforce). All that speaks against a
    run is said at once, before anything is changed.
extends_documentation_fragment:
  - homelab.immich.attributes
options:
  exports:
    description:
      - The exports, in the words of the variable C(nas_exports) of the role C(homelab.immich.nas), which explains them.
      - They are all that C(/etc/exports.d/homelab-immich.exports) holds; an export that is no longer here is no longer exported, its data stays.
    type: list
    elements: dict
    required: true
  name:
    description: What to call this NAS in messages. Its host name by default.
    type: str
  users:
    description:
      - Who mounts which export, by the name of the export. A list of dictionaries with C(uid), C(gid), C(groups) and C(write).
      - The filter P(homelab.immich.export_users#filter) makes it from the variables of the instances.
      - A server with C(manage-gids), the default of Debian and Ubuntu, looks up the groups of a uid by itself and does not count those of a pod. Where pods
        need theirs, that is a finding.
    type: dict
    default: {}
requirements:
  - an NFS server (the package C(nfs-kernel-server) or C(nfs-utils)) and systemd
  - OpenZFS, for exports with a dataset
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: Export the photos to the cluster, to be read only
  homelab.immich.linux_nfs_export:
    exports:
      - name: photos
        dataset: tank/photos
        access: ro
        clients: [192.0.2.0/24]
  become: true

- name: A folder of a disk without ZFS
  homelab.immich.linux_nfs_export:
    name: attic
    exports:
      - name: uploads
        path: /srv/immich
        squash: all
        map_user: 1000
        map_group: 1000
        owner: {user: 1000, group: 1000, mode: "0750"}
        clients: [192.0.2.0/24]
  become: true
"""

RETURN = r"""
exports:
  description: How many exports are declared.
  returned: success
  type: int
  sample: 2
findings:
  description: What is left as it is although it is not as declared, and what clients do not see.
  returned: success
  type: list
  elements: dict
  contains:
    export:
      description: Name of the export, null where it concerns the whole host.
      type: str
      sample: photos
    severity:
      description: Always V(warning); an error fails the module.
      type: str
      sample: warning
    message:
      description: One sentence.
      type: str
      sample: >-
        attic, export photos: tank/photos/raw, mounted at /tank/photos/raw, has no export of its own, so clients see an empty folder there.
        Declare it as an export, or set options: [crossmnt].
sentinels_ok:
  description: Whether every export has its sentinels.
  returned: success
  type: bool
  sample: true
markers:
  description: For each export that may be written, the C(.immich) files of a media location that it holds. Immich has been there.
  returned: success
  type: dict
  sample: {immich: [upload/.immich, library/.immich]}
"""

import glob
import os
import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homelab.immich.plugins.module_utils.linux.carry_out import carry_out, missing_sentinels
from ansible_collections.homelab.immich.plugins.module_utils.linux.look import LinuxError, look
from ansible_collections.homelab.immich.plugins.module_utils.linux.plan import plan
from ansible_collections.homelab.immich.plugins.module_utils.nas import nfs_path, normalise

MEDIA_FOLDERS = ("backups", "encoded-video", "library", "profile", "thumbs", "upload")


def markers(path: str) -> list[str]:
    """The .immich files of a media location in this folder, or in a folder right below it."""
    found = [f"{folder}/.immich" for folder in MEDIA_FOLDERS if os.path.exists(f"{path}/{folder}/.immich")]
    below = (place for folder in MEDIA_FOLDERS for place in glob.glob(f"{glob.escape(path)}/*/{folder}/.immich"))
    return found or sorted(os.path.relpath(place, path) for place in below)


def main() -> None:
    """Look, plan, and carry out."""
    module = AnsibleModule(
        {
            "exports": {"type": "list", "elements": "dict", "required": True},
            "name": {"type": "str"},
            "users": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    declared: list[dict[str, Any]] = module.params["exports"]
    name = module.params["name"] or socket.gethostname()
    if os.geteuid() != 0:
        module.fail_json(msg=f"{name}: exports need root, and this runs as user {os.geteuid()}. Set ansible_become: true for this host.")
    if [export for export in declared if not export.get("name")]:
        module.fail_json(msg=f"{name}: an export has no name. Give each export a name.")
    try:
        wanted = [normalise(export) for export in declared]
        planned = plan(declared, look(wanted), name, module.params["users"])
        if planned.errors:
            sentences = "\n".join(f"- {error['message']}" for error in planned.errors)
            module.fail_json(msg=f"{name} was left as it is:\n{sentences}", findings=planned.errors + planned.warnings)
        for finding in planned.warnings:
            module.warn(finding["message"])
        if not module.check_mode:
            carry_out(planned)
            missing = missing_sentinels(planned)
            if missing:
                raise LinuxError(f"the sentinel is not there after all: {', '.join(missing)}.")
    except LinuxError as error:
        module.fail_json(msg=f"{name}: {error}")
    except OSError as error:
        module.fail_json(msg=f"{name}: {error}. Look at this file or folder on the NAS.")
    module.exit_json(
        changed=bool(planned.steps),
        diff=[
            {"before_header": f"{step.kind} {step.target}", "after_header": f"{step.kind} {step.target}", "before": step.before, "after": step.after}
            for step in planned.steps
        ],
        exports=len(wanted),
        findings=planned.warnings,
        sentinels_ok=not module.check_mode or not missing_sentinels(planned),
        markers={
            export["name"]: found
            for export in wanted
            if export["access"] == "rw" and export["protocol"] == "nfs" and (found := markers(nfs_path(export, "linux")))
        },
    )


if __name__ == "__main__":
    main()
