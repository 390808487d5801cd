# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nixos_nfs_export
short_description: Exports of a NixOS host, looked at or rebuilt
version_added: 0.1.0
description:
  - Holds a NixOS host against the declared exports, all of them in one run; the table of exports, what the kernel serves, datasets and their properties,
    mounts, owners, sentinels, the port. It works through the shell of the host and needs no Python there.
  - With O(rebuild) it writes one module file into the configuration on the host, runs C(nixos-rebuild build), compares the result with the system that runs,
    and C(nixos-rebuild switch) only where they differ. When the switch fails or an export is missing after it, the generation before is switched back to
    and the file put back. Then it makes the sentinels that are missing, only where the file system that was looked at is still mounted.
  - A flake is built where the configuration has a C(flake.nix), else C(configuration.nix).
  - It makes no dataset and no folder, changes no owner, and never writes to C(/etc/exports.d). What differs there is a finding with the command that mends it.
options:
  exports:
    description: The exports, in the words of the variable C(nas_exports) of the role C(homelab.immich.nas), which explains them.
    type: list
    elements: dict
    required: true
  name:
    description: What to call this NAS in messages.
    type: str
    required: true
  address:
    description: Address that clients mount from, where an export has none of its own. Port 2049 is tried there from the control node.
    type: str
  rebuild:
    description: Whether to bring the host to what is declared. Needs root. Without it the host is only looked at.
    type: bool
    default: false
  checkout:
    description: Folder on the host that has the C(flake.nix) or C(configuration.nix) of this host.
    type: str
    default: /etc/nixos
  path:
    description: The module file to write, which the configuration imports. C(immich-exports.nix) in O(checkout) by default.
    type: str
  configuration:
    description: Which C(nixosConfigurations) of the flake to build. The one with the name of the host by default.
    type: str
    default: ""
  intent_to_add:
    description:
      - Whether to run C(git add --intent-to-add) for the file where git does not track it; a flake does not see it otherwise.
      - Without it that is refused, with the command to run.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description:
      - Builds from a copy of the configuration and runs C(nixos-rebuild dry-activate) with it. Nothing is written but that copy, which is removed again,
        and what the build leaves in the Nix store.
      - A configuration that names files of its own by absolute path is built with those of O(checkout), not with the copy's.
  diff_mode:
    support: full
    description: Shows the module file, what dry-activate says, and the sentinels.
requirements:
  - git, where the configuration is a flake in a git repository
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: Look at the exports of a NixOS NAS
  homelab.immich.nixos_nfs_export:
    name: cardinal
    exports:
      - name: images
        dataset: tank/Images
        clients: [192.0.2.0/24]

- name: Export the photos to the cluster, and switch
  homelab.immich.nixos_nfs_export:
    name: cardinal
    rebuild: true
    exports:
      - name: images
        dataset: tank/Images
        access: ro
        clients: [192.0.2.0/24]
  become: true
"""

RETURN = r"""
exports:
  description: How many exports are declared.
  returned: success
  type: int
  sample: 1
findings:
  description: What is not as declared. An error fails the task.
  returned: always
  type: list
  elements: dict
  contains:
    export:
      description: Name of the export, null where it concerns the whole host.
      type: str
      sample: images
    severity:
      description: V(error) or V(warning).
      type: str
      sample: warning
    message:
      description: A sentence, with what to do.
      type: str
      sample: "cardinal, export images: recordsize of tank/Images is 131072, and 1048576 is declared (1M). Run sudo zfs set recordsize=1048576 tank/Images."
    about:
      description: V(export) for what a rebuild mends, V(sentinel), or V(nas) for what a person does there.
      type: str
      sample: nas
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
plan:
  description: What C(nixos-rebuild dry-activate) says, in check mode.
  returned: success, with O(rebuild)
  type: list
  elements: str
  sample: ["would restart the following units: nfs-mountd.service"]
planned:
  description: How many things would be written, switched or made, in check mode.
  returned: success, with O(rebuild)
  type: int
  sample: 2
next:
  description: What is left to do.
  returned: success, with O(rebuild)
  type: list
  elements: str
  sample: ["On cardinal, commit /etc/nixos/immich-exports.nix, or the next pull or upgrade may undo it."]
"""
