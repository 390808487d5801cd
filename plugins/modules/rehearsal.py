# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rehearsal
short_description: Bring up the rehearsal that the inventory asks for
version_added: 0.1.0
description:
  - When C(immich_rehearsal) is true, starts a Kubernetes API server and stand-ins for Immich and the NAS on this machine, or brings those that run in line
    with the inventory. Everything listens on 127.0.0.1.
  - The classes, issuers and existing claims that the instances name, and the NAS with their exports, are taken from the variables of all hosts. No secret
    is read.
  - The first start builds the control plane from pinned sources, which takes about five minutes; later starts take seconds.
  - When C(immich_rehearsal) is not true it does nothing. Hosts that disagree are an error.
  - Run it once, for all hosts, tagged C(always), before anything that uses the P(homelab.immich.connection#lookup) lookup.
options: {}
attributes:
  check_mode:
    support: partial
    description: The rehearsal is brought up in check mode too, for without it there is nothing to check against. It changes nothing outside itself.
  diff_mode:
    support: none
    description: There is no difference to show.
  action:
    support: full
    description: Runs on the control node, in the process that runs the play.
notes:
  - The rehearsal belongs to the first inventory of the run, or to the name in the environment variable E(IMMICH_REHEARSAL).
seealso:
  - plugin: homelab.immich.connection
    plugin_type: lookup
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: Rehearsal
  hosts: all
  connection: local
  gather_facts: false
  tags: always
  tasks:
    - name: Bring up what stands in for the cluster, Immich and the NAS
      homelab.immich.rehearsal:
      run_once: true
"""

RETURN = r"""
rehearsal:
  description: Whether this run is a rehearsal.
  type: bool
  returned: always
home:
  description: The folder of the rehearsal, with its kubeconfig and logs.
  type: str
  returned: in a rehearsal
  sample: /home/me/.local/state/homelab-immich/rehearsals/homelab-0a1b2c3d
"""
