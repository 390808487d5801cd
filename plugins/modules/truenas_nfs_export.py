# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: truenas_nfs_export
short_description: Export datasets of TrueNAS over NFS
version_added: 0.2.0
description:
  - Makes datasets, their owner and mode, NFS shares, periodic snapshots, sentinels and the NFS service as declared, for a whole list of exports over one
    connection with one login.
  - Whatever is in the way of any export is said before anything is changed.
  - A dataset that is created gets the share type NFS, with what that sets (NFSv4 ACLs, no access times, case-sensitive names), and the owner and mode that
    are declared. Nothing is ever destroyed, unmounted or changed recursively.
  - A share is the one of the same path; where there are several of a path, the one whose clients meet the declared ones. Two of those are an error.
  - Clients that mount something from this NAS and lose it are a warning with their addresses.
  - The sentinels are folders, made only where a dataset is mounted.
  - The user needs the roles DATASET_WRITE, FILESYSTEM_ATTRS_WRITE, FILESYSTEM_DATA_WRITE (for folders and sentinels), SHARING_NFS_WRITE, SERVICE_READ,
    ACCOUNT_READ (for names of users), and SNAPSHOT_TASK_WRITE where snapshots are declared.
extends_documentation_fragment:
  - homelab.immich.attributes
  - homelab.immich.truenas
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
      protocol:
        description: Always V(nfs). See M(homelab.immich.truenas_smb_share) for SMB.
        type: str
        choices: [nfs]
        default: nfs
      path:
        description: The path that is exported, a folder in the dataset. By default C(/mnt/<dataset>).
        type: path
      squash:
        description: Whom the NAS takes a client's processes for. V(none) is maproot_user and maproot_group both V(root), V(root) is maproot, V(all) mapall.
        type: str
        choices: [none, root, all]
        default: root
      map_user:
        description: The user, by number or name, that squashed users become. Nobody by default. TrueNAS has to know the user.
        type: str
      map_group:
        description: The group, by number or name, that squashed groups become. Nobody's by default. TrueNAS has to know the group.
        type: str
      clients:
        description: The networks, addresses or host names that may mount it. Everybody is V(["*"]) and nothing else.
        type: list
        elements: str
        required: true
  smb_shares:
    description:
      - SMB shares of the same TrueNAS, made in the same login. Each is what an entry of C(exports) of M(homelab.immich.truenas_smb_share) is.
      - A dataset that is shared both ways is created with the share type MULTIPROTOCOL.
    type: list
    elements: dict
    default: []
  users:
    description:
      - Who mounts which export, by the name of the export. A list of dictionaries with C(uid), C(gid), C(groups), C(write) and, for a folder of the export,
        C(subpath). The filter P(homelab.immich.export_users#filter) makes it.
      - Where owner, mode and squash do not let them read, or write where they write, there is a warning. Where an ACL decides, there is none.
    type: dict
    default: {}
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: Export the photos read-only, and a place for uploads
  homelab.immich.truenas_nfs_export:
    url: wss://tank.example.net
    username: ansible
    api_key: "{{ vault_nas_api_key }}"
    exports:
      - name: photos
        dataset: tank/photos
        access: ro
        clients: [192.0.2.0/24]
      - name: immich
        dataset: tank/immich
        squash: none
        clients: [192.0.2.0/24]
        owner: {user: 1000, group: 1000, mode: "0750"}
        recordsize: 1M
        quota: 2T
        snapshots: {schedule: "0 4 * * *", keep: 30d}
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [dataset tank/photos, sentinel /mnt/tank/photos/.immich-guard/photos, NFS share of /mnt/tank/photos]
version:
  description: The version of TrueNAS.
  returned: success
  type: str
  sample: TrueNAS-25.10.1
exports:
  description: How many exports there are.
  returned: success
  type: int
  sample: 2
findings:
  description: What is not as declared and was left as it is. Each is a warning of the run, too.
  returned: success
  type: list
  elements: dict
  contains:
    export:
      description: Name of the export.
      type: str
      sample: photos
    severity:
      description: Always V(warning). What is worse fails.
      type: str
      sample: warning
    message:
      description: One sentence.
      type: str
      sample: >-
        tank, export photos: owner says uid 1000, and /mnt/tank/photos has uid 568. It is left as it is; owner.enforce: true changes this folder, and
        nothing in it.
sentinels_ok:
  description: Whether every export has its sentinels now, or would have them.
  returned: success
  type: bool
  sample: true
markers:
  description: For each export that may be written, the C(.immich) files of a media location that it holds. Immich has been there.
  returned: success
  type: dict
  sample: {immich: [upload/.immich, library/.immich]}
children:
  description: The datasets below each export.
  returned: success
  type: dict
  sample: {photos: [tank/photos/2020]}
"""

from ansible_collections.homelab.immich.plugins.module_utils.truenas.module import run


def main() -> None:
    """Look, plan, change."""
    run("nfs")


if __name__ == "__main__":
    main()
